#include "stage0/registry/authorizer.h"

#include <algorithm>

#include "common/base/json_node.h"
#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/config/base64.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxTokenAnswer = 1U << 20U;
constexpr std::size_t kMaxToken = 128U << 10U;
constexpr const char* kClientId = "agena";
// The token spec's default, and what is left of a token's life when it is no longer used: answers travel.
constexpr std::uint64_t kDefaultLife = 60;
constexpr Nanoseconds kMargin = 5 * kSecond;

struct Token {
  std::string text;
  std::uint64_t seconds = kDefaultLife;
};

bool is_token_text(std::string_view text) {
  return !text.empty() && text.size() <= kMaxToken &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

// `token` or `access_token`. The clock of the server does not count: `issued_at` is not looked at.
Result<Token> parse_token(const std::string& body) {
  const auto json = json_text::parse(body);
  if (!json) return fail(ErrorKind::kNetwork, "the token server's answer is not JSON");
  JsonProblems problems("token");
  const JsonNode root(*json, problems);
  if (!root.is_object()) return fail(ErrorKind::kNetwork, "the token server's answer is not an object");
  Token token;
  for (const char* key : {"token", "access_token"})
    if (token.text.empty())
      if (const auto node = root.find(key)) token.text = node->as_string().value_or("");
  if (const auto node = root.find("expires_in"))
    token.seconds = std::max<std::uint64_t>(node->as_uint(INT32_MAX).value_or(kDefaultLife), kDefaultLife);
  if (!is_token_text(token.text))
    return fail(ErrorKind::kNetwork, "the token server's answer holds no token");
  return token;
}

std::string form(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : fields)
    if (!value.empty()) parts.push_back(name + "=" + percent_encode(value));
  return join(parts, "&");
}

std::string basic_header(const RegistryCredentials& credentials) {
  return "Basic " + base64_encode(credentials.user + ":" + credentials.password);
}

const AuthChallenge* find_scheme(std::span<const AuthChallenge> challenges, std::string_view scheme) {
  const auto it = std::ranges::find(challenges, scheme, &AuthChallenge::scheme);
  return it == challenges.end() ? nullptr : &*it;
}

}  // namespace

std::string Authorizer::known(const std::string& scope) {
  const std::lock_guard guard(mutex_);
  const auto it = known_.find(scope);
  return it == known_.end() || it->second.expires < monotonic_now() ? "" : it->second.header;
}

Result<std::optional<RegistryCredentials>> Authorizer::credentials() {
  if (!credentials_)
    credentials_ = settings_.credentials
                       ? TRY(settings_.credentials(settings_.registry, settings_.repository))
                       : std::nullopt;
  return *credentials_;
}

Result<> Authorizer::check_may_send(const std::string& url) {
  if (TRY(settings_.may_send(url))) return {};
  return std::unexpected(
      Error(ErrorKind::kPermission,
            fmt::format("the credentials for '{}' are not sent to '{}' over plain http",
                        printable(settings_.registry), shown_url(url)))
          .with_hint(
              "mark the registry as insecure in registries.conf, or waive it with --insecure-options=http"));
}

Result<Authorizer::Known> Authorizer::answer_basic() {
  const auto found = TRY(credentials());
  if (!found || found->user.empty())
    return fail(
        ErrorKind::kPermission,
        "the registry '{}' wants a user and a password, and none are configured for it (bad HTTP status "
        "code: 401)",
        printable(settings_.registry));
  TRY(check_may_send(settings_.registry_url()));
  return Known{.header = basic_header(*found), .expires = INT64_MAX};
}

// Asks the token server: GET, with basic authentication if there are credentials; POST for an identity token,
// and where only that is answered.
Result<HttpResponse> Authorizer::ask_token(const std::string& realm, const std::string& service,
                                           const std::string& scope,
                                           const std::optional<RegistryCredentials>& found) {
  const bool has_user = found && !found->user.empty();
  const bool has_identity = found && !found->identity_token.empty();
  if (has_user || has_identity) {
    TRY(check_may_send(realm));
    TRY(check_may_send(settings_.registry_url()));
  }
  HttpRequest post{
      .method = "POST",
      .url = realm,
      .headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}},
      .follow = false,
      .repeatable = true,
      .max_body = kMaxTokenAnswer};
  if (has_identity) {
    post.body = form({{"grant_type", "refresh_token"},
                      {"service", service},
                      {"client_id", kClientId},
                      {"scope", scope},
                      {"refresh_token", found->identity_token}});
    return client_.send(post);
  }
  const std::string query = form({{"service", service}, {"scope", scope}});
  HttpRequest get{.url = realm, .headers = {{"Accept", "application/json"}}, .max_body = kMaxTokenAnswer};
  if (!query.empty()) get.url += (realm.find('?') == std::string::npos ? "?" : "&") + query;
  if (has_user) get.authorization = basic_header(*found);
  HttpResponse response = TRY(client_.send(get));
  const bool wants_post = response.status == 404 || response.status == 405;
  if (!has_user || !wants_post) return response;
  post.body = form({{"grant_type", "password"},
                    {"service", service},
                    {"client_id", kClientId},
                    {"scope", scope},
                    {"username", found->user},
                    {"password", found->password}});
  return client_.send(post);
}

Result<Authorizer::Known> Authorizer::answer_bearer(const AuthChallenge& challenge,
                                                    const std::string& scope) {
  const auto found = TRY(credentials());
  if (found && !found->registry_token.empty()) {
    TRY(check_may_send(settings_.registry_url()));
    return Known{.header = "Bearer " + found->registry_token, .expires = INT64_MAX};
  }
  const std::string stated = challenge.param("realm");
  const auto parsed = Url::parse(stated);
  if (!parsed)
    return fail(ErrorKind::kNetwork, "the registry '{}' names '{}' as its token server, which is not a URL",
                printable(settings_.registry), printable(shown_url(stated)));
  // Without a fragment, behind which a query would be lost.
  const std::string realm = TRY(parsed->text());
  const std::string asked = challenge.param("scope").empty() ? scope : challenge.param("scope");
  const HttpResponse response = TRY_CTX(ask_token(realm, challenge.param("service"), asked, found),
                                        "asking for a token for '{}'", printable(settings_.registry));
  if (response.status != 200) {
    const HttpRequest shown{.url = realm};
    Error error = status_error(shown, response);
    return std::unexpected(std::move(error).with_context(
        fmt::format("asking for a token for '{}'{}", printable(settings_.registry),
                    found ? "" : ", without credentials, as none are configured")));
  }
  const Token token = TRY_CTX(parse_token(response.body), "asking '{}' for a token", shown_url(realm));
  const Nanoseconds life = static_cast<Nanoseconds>(token.seconds) * kSecond;
  return Known{.header = "Bearer " + token.text, .expires = monotonic_now() + life - kMargin};
}

Result<std::string> Authorizer::answer(std::span<const std::string> headers, const std::string& scope,
                                       const std::string& used) {
  const std::vector<AuthChallenge> challenges = parse_www_authenticate(headers);
  const std::lock_guard guard(mutex_);
  // Somebody else may have been refused with the same, and have something better already.
  const auto it = known_.find(scope);
  if (it != known_.end() && it->second.header != used && it->second.expires >= monotonic_now())
    return it->second.header;
  const AuthChallenge* bearer = find_scheme(challenges, "bearer");
  const AuthChallenge* basic = find_scheme(challenges, "basic");
  if (bearer == nullptr && basic == nullptr)
    return fail(
        ErrorKind::kPermission,
        "the registry '{}' wants to know who asks, but not in a way that is supported (bad HTTP status "
        "code: 401)",
        printable(settings_.registry));
  Known fresh = TRY(bearer != nullptr ? answer_bearer(*bearer, scope) : answer_basic());
  if (fresh.header == used)
    return std::unexpected(
        Error(ErrorKind::kPermission,
              fmt::format("the registry '{}' refuses the credentials (bad HTTP status code: 401)",
                          printable(settings_.registry)))
            .with_hint(kHowToLogIn));
  std::string header = fresh.header;
  known_[scope] = std::move(fresh);
  return header;
}

}  // namespace agena::stage0
