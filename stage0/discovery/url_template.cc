#include "stage0/discovery/url_template.h"

#include <algorithm>
#include <cctype>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxUrl = 8192;

// Unreserved characters of RFC 3986, and the slash of names.
bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~/").contains(c);
}

void append_value(std::string& url, std::string_view value) {
  for (const char c : value) {
    if (is_plain(c))
      url += c;
    else
      url += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
}

}  // namespace

Result<std::string> render_url_template(std::string_view text,
                                        const std::map<std::string, std::string>& values) {
  std::string url;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t brace = rest.find_first_of("{}");
    url += rest.substr(0, brace);
    if (brace == std::string_view::npos) break;
    const std::size_t end = rest.find_first_of("{}", brace + 1);
    if (rest[brace] == '}' || end == std::string_view::npos || rest[end] == '{')
      return fail(ErrorKind::kInvalidInput, "template '{}': a brace without its partner", printable(text));
    const std::string name(rest.substr(brace + 1, end - brace - 1));
    const auto value = values.find(name);
    if (value == values.end())
      return fail(ErrorKind::kInvalidInput, "template '{}': there is no value for '{{{}}}'", printable(text),
                  printable(name));
    append_value(url, value->second);
    rest.remove_prefix(end + 1);
    if (url.size() > kMaxUrl) break;
  }
  if (url.size() > kMaxUrl)
    return fail(ErrorKind::kInvalidInput, "template '{}' makes a URL of more than {} bytes",
                printable(text.substr(0, 64)), kMaxUrl);
  if (std::ranges::any_of(url, [](char c) { return c <= ' ' || c == 0x7f; }))
    return fail(ErrorKind::kInvalidInput, "template '{}' makes no URL", printable(text));
  return url;
}

}  // namespace agena::stage0
