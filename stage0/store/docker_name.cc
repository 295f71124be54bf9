#include "stage0/store/docker_name.h"

#include <algorithm>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

constexpr std::string_view kDefaultDomain = "docker.io";
constexpr std::string_view kOfficialPrefix = "library/";
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxTag = 128;

bool is_alnum_lower(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alnum(char c) { return is_alnum_lower(c) || (c >= 'A' && c <= 'Z'); }

// alpha-numeric (separator alpha-numeric)*, separators being ".", "_", "__" and any run of "-".
bool is_path_component(std::string_view text) {
  std::size_t at = 0;
  while (true) {
    const std::size_t word = at;
    while (at < text.size() && is_alnum_lower(text[at])) ++at;
    if (at == word) return false;
    if (at == text.size()) return true;
    const std::size_t separator = at;
    while (at < text.size() && text[at] == text[separator] && !is_alnum_lower(text[at])) ++at;
    const std::size_t length = at - separator;
    const char c = text[separator];
    const bool good = c == '-' || (c == '.' && length == 1) || (c == '_' && length <= 2);
    if (!good) return false;
  }
}

// Host name components and an optional port, or an IPv6 address in brackets.
bool is_domain(std::string_view text) {
  std::string_view host = text;
  if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos && !text.ends_with(']')) {
    const std::string_view port = text.substr(colon + 1);
    if (port.empty() || !std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; })) return false;
    host = text.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    const std::string_view address = host.substr(1, host.size() - 2);
    return !address.empty() && std::ranges::all_of(address, [](char c) {
      return c == ':' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
  }
  for (const std::string& part : split(host, '.')) {
    const bool good = !part.empty() && is_alnum(part.front()) && is_alnum(part.back()) &&
                      std::ranges::all_of(part, [](char c) { return is_alnum(c) || c == '-'; });
    if (!good) return false;
  }
  return true;
}

bool looks_like_domain(std::string_view first) {
  return first == "localhost" || first.find_first_of(".:[") != std::string_view::npos ||
         std::ranges::any_of(first, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_tag(std::string_view text) {
  const auto is_word = [](char c) { return is_alnum(c) || c == '_'; };
  return !text.empty() && text.size() <= kMaxTag && is_word(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return is_word(c) || c == '.' || c == '-'; });
}

}  // namespace

Result<DockerName> parse_docker_name(std::string_view text) {
  if (text.find('@') != std::string_view::npos)
    return fail(ErrorKind::kInvalidInput, "'{}': a digest cannot be used here", printable(text));
  DockerName name;
  std::string_view rest = text;
  const Cut first = cut(text, '/');
  if (first.found && looks_like_domain(first.before)) {
    name.domain = first.before;
    rest = first.after;
  }
  const Cut tag = cut(rest, ':');
  name.repository = tag.before;
  name.tag = tag.found ? std::string(tag.after) : "latest";
  if (name.domain == "index.docker.io") name.domain = kDefaultDomain;
  if (name.domain.empty()) name.domain = kDefaultDomain;
  if (name.domain == kDefaultDomain && name.repository.find('/') == std::string::npos)
    name.repository.insert(0, kOfficialPrefix);
  const std::vector<std::string> components = split(name.repository, '/');
  const bool good = is_domain(name.domain) && std::ranges::all_of(components, is_path_component) &&
                    name.domain.size() + 1 + name.repository.size() <= kMaxName;
  if (!good) return fail(ErrorKind::kInvalidInput, "'{}' is not a name of a docker image", printable(text));
  if (!is_tag(name.tag))
    return fail(ErrorKind::kInvalidInput, "'{}': '{}' is not a tag", printable(text), printable(name.tag));
  return name;
}

std::vector<std::string> docker_name_candidates(std::string_view text) {
  const auto name = parse_docker_name(text);
  if (!name) return {};
  std::vector<std::string> candidates = {name->str()};
  if (!text.starts_with(name->domain + "/"))
    candidates.push_back("localhost/" + std::string(cut(text, ':').before) + ":" + name->tag);
  return candidates;
}

}  // namespace agena::stage0
