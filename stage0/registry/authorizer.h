// Who we are, as one registry wants to hear it: basic authentication, or tokens that a token server gives
// (distribution's token spec, and OAuth 2 for identity tokens). Any thread may use it; one asks, the others
// wait for its answer.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "stage0/http/http_client.h"
#include "stage0/registry/registry_credentials.h"
#include "stage0/registry/www_authenticate.h"

namespace agena::stage0 {

// A hint for who is refused.
inline constexpr const char* kHowToLogIn =
    "credentials are those of 'podman login' and 'docker login', or files in auth.d of the configuration";

class Authorizer {
 public:
  struct Settings {
    std::string registry;    // as references name it
    std::string repository;  // what the credentials are for
    CredentialSource credentials;
    // Whether credentials may be sent to a URL: over TLS, or because the user has waived it.
    std::function<Result<bool>(const std::string& url)> may_send;
    std::function<std::string()> registry_url;  // of the registry, for that question
  };
  // The client must outlive it.
  Authorizer(HttpClient& client, Settings settings) : client_(client), settings_(std::move(settings)) {}

  // Authorization header for a scope ("repository:library/busybox:pull"), as far as one is known and has not
  // expired; empty otherwise: ask without one.
  std::string known(const std::string& scope);
  // What to send after a 401 to a request with `used` (may be empty). kPermission if there is nothing better:
  // the caller does not ask again.
  Result<std::string> answer(std::span<const std::string> challenges, const std::string& scope,
                             const std::string& used);

 private:
  struct Known {
    std::string header;
    Nanoseconds expires;  // monotonic
  };
  Result<std::optional<RegistryCredentials>> credentials();
  Result<Known> answer_basic();
  Result<Known> answer_bearer(const AuthChallenge& challenge, const std::string& scope);
  Result<HttpResponse> ask_token(const std::string& realm, const std::string& service,
                                 const std::string& scope,
                                 const std::optional<RegistryCredentials>& credentials);
  Result<> check_may_send(const std::string& url);

  HttpClient& client_;
  const Settings settings_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // by scope
  std::optional<std::optional<RegistryCredentials>> credentials_;
};

}  // namespace agena::stage0
