#include "stage0/fetch/aci_web.h"

#include <stdlib.h>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/config/base64.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxAuthorities = 16U << 20U;

// Certificates that the user wants to be trusted, by OpenSSL's variable.
Result<std::string> extra_authorities() {
  const char* path = ::secure_getenv("SSL_CERT_FILE");
  if (path == nullptr || *path == '\0') return std::string();
  return TRY_CTX(sys::read_file(sys::at_cwd(), path, kMaxAuthorities), "SSL_CERT_FILE");
}

// The value of an Authorization header.
struct Authorization {
  const std::string& host;
  Result<std::string> operator()(const BasicCredentials& basic) const {
    return "Basic " + base64_encode(basic.user + ":" + basic.password);
  }
  Result<std::string> operator()(const OAuthCredentials& oauth) const { return "Bearer " + oauth.token; }
  Result<std::string> operator()(const AwsCredentials& /*aws*/) const {
    return fail(ErrorKind::kUnsupported,
                "auth.d has credentials of type aws for '{}': requests are not signed for it by this build",
                host);
  }
};

}  // namespace

AciWeb::AciWeb(const FetchSettings& settings, const InsecureOptions& insecure, bool keys)
    : settings_(settings), insecure_(insecure), plain_http_(insecure.http || (keys && insecure.pubkey)) {}

Result<const Config*> AciWeb::config() {
  if (!config_) config_ = TRY(load_config(settings_.config_directories, kAuthParts));
  return &*config_;
}

Result<HttpClient*> AciWeb::client() {
  if (client_) return client_.get();
  HttpSettings settings = TRY(http_settings_from_environment());
  const std::string authorities = TRY(extra_authorities());
  settings.host = [authorities, plain = plain_http_,
                   verify = !insecure_.tls](const Url& url) -> Result<HttpHostSettings> {
    return HttpHostSettings{.tls = {.ca_pem = authorities, .verify = verify},
                            .allow_plain = plain || url.is_loopback(),
                            .plain_waived = plain};
  };
  client_ = std::make_unique<HttpClient>(std::move(settings));
  return client_.get();
}

Result<HttpRequest> AciWeb::request(const std::string& url) {
  const Url parsed = TRY(Url::parse(url));
  const std::string_view rest = std::string_view(url).substr(url.find("://") + 3);
  if (rest.substr(0, rest.find_first_of("/?#")).contains('@'))
    return fail(ErrorKind::kInvalidInput,
                "'{}': credentials do not belong into a URL, but into a file in auth.d", parsed.shown());
  HttpRequest request;
  request.url = url;
  request.max_body = kMaxSmallBody;
  if (!parsed.is_tls() && !insecure_.http) return request;
  const auto& known = TRY(config())->auth;
  auto found = known.find(parsed.authority());
  if (found == known.end()) found = known.find(parsed.host());
  if (found != known.end())
    request.authorization = TRY(std::visit(Authorization{found->first}, found->second));
  return request;
}

Result<HttpResponse> AciWeb::get(const std::string& url) {
  const HttpRequest request = TRY(this->request(url));
  HttpResponse response = TRY(TRY(client())->send(request));
  if (response.status != 200 && response.status != 202)
    return std::unexpected(status_error(request, response));
  return response;
}

PageGetter AciWeb::page_getter() {
  return [this](const std::string& url) -> Result<DiscoveryPage> {
    HttpResponse page = TRY(get(url));
    if (page.status != 200) return fail(ErrorKind::kNetwork, "bad HTTP status code: {}", page.status);
    return DiscoveryPage{.body = std::move(page.body), .secure = page.secure};
  };
}

}  // namespace agena::stage0
