#include "stage0/http/url.h"

#include <arpa/inet.h>

#include "common/base/strings.h"
#include "stage0/http/curl_api.h"

namespace agena::stage0 {
namespace {

// A part of a URL; empty if it has none.
std::string part(const CurlApi& api, CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (api.url_get(url, which, &text, flags) != CURLUE_OK || text == nullptr) return {};
  std::string copy = text;
  api.free(text);
  return copy;
}

bool has_part(const CurlApi& api, CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (api.url_get(url, which, &text, 0) != CURLUE_OK || text == nullptr) return false;
  api.free(text);
  return true;
}

}  // namespace

void Url::Free::operator()(CURLU* handle) const {
  // There is a handle, so there is a library.
  (*curl_api())->url_cleanup(handle);
}

Result<Url> Url::of_handle(Handle handle) {
  const CurlApi& api = *TRY(curl_api());
  Url url(std::move(handle));
  CURLU* raw = url.handle_.get();
  (void)api.url_set(raw, CURLUPART_FRAGMENT, nullptr, 0);  // a URL without one stays as it is
  url.scheme_ = part(api, raw, CURLUPART_SCHEME);
  url.host_ = to_lower(part(api, raw, CURLUPART_HOST));
  url.port_ = part(api, raw, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  const std::string own_port = part(api, raw, CURLUPART_PORT);
  url.authority_ = own_port.empty() ? url.host_ : url.host_ + ":" + own_port;
  url.shown_ = printable(url.scheme_ + "://" + url.authority_ + part(api, raw, CURLUPART_PATH));
  if (url.scheme_ != "http" && url.scheme_ != "https")
    return fail(ErrorKind::kInvalidInput, "'{}' is neither an http nor an https URL", url.shown_);
  if (url.host_.empty()) return fail(ErrorKind::kInvalidInput, "'{}' has no host", url.shown_);
  return url;
}

Result<Url> Url::parse(const std::string& text) {
  const CurlApi& api = *TRY(curl_api());
  Handle handle(api.url());
  if (!handle) return fail(ErrorKind::kSystem, "out of memory");
  if (api.url_set(handle.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    return fail(ErrorKind::kInvalidInput, "'{}' is not a URL", printable(shown_url(text)));
  return of_handle(std::move(handle));
}

Result<Url> Url::resolve(const std::string& location) const {
  const CurlApi& api = *TRY(curl_api());
  Handle handle(api.url_dup(handle_.get()));
  if (!handle) return fail(ErrorKind::kSystem, "out of memory");
  // Our own user stays with a relative reference only.
  if (api.url_set(handle.get(), CURLUPART_URL, location.c_str(), CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
    return fail(ErrorKind::kNetwork, "the server redirects to '{}', which is not a URL",
                printable(shown_url(location)));
  Url target = TRY(of_handle(std::move(handle)));
  if (!same_origin(target) && has_part(api, target.handle(), CURLUPART_USER))
    return fail(ErrorKind::kNetwork, "the server redirects to a URL with a user name, '{}'", target.shown());
  return target;
}

Result<Url> Url::copy() const {
  Handle handle((*TRY(curl_api())).url_dup(handle_.get()));
  if (!handle) return fail(ErrorKind::kSystem, "out of memory");
  return of_handle(std::move(handle));
}

Result<std::string> Url::text() const { return part(*TRY(curl_api()), handle_.get(), CURLUPART_URL); }

bool Url::is_loopback() const { return is_loopback_host(host_); }

bool Url::same_origin(const Url& other) const {
  return scheme_ == other.scheme_ && host_ == other.host_ && port_ == other.port_;
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string encoded;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos)
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

std::string shown_url(std::string_view text) {
  text = text.substr(0, text.find_first_of("?#"));
  const std::size_t authority = text.find("://");
  if (authority == std::string_view::npos) return printable(text);
  const std::string_view scheme = text.substr(0, authority + 3);
  std::string_view rest = text.substr(authority + 3);
  const std::size_t slash = rest.find('/');
  const std::size_t user = rest.substr(0, slash).rfind('@');
  if (user != std::string_view::npos) rest.remove_prefix(user + 1);
  return printable(std::string(scheme) + std::string(rest));
}

bool is_loopback_host(std::string_view host) {
  if (host == "localhost" || host == "[::1]" || host == "::1") return true;
  in_addr address{};
  if (::inet_pton(AF_INET, std::string(host).c_str(), &address) != 1) return false;
  return (ntohl(address.s_addr) >> 24U) == 127;
}

}  // namespace agena::stage0
