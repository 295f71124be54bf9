// A registry client that talks to a scripted server.
#pragma once

#include <memory>
#include <string>

#include "stage0/registry/registry.h"
#include "tests/support/scripted_server.h"

namespace agena::test {

inline stage0::HttpSettings loopback_settings() {
  stage0::HttpSettings settings;
  settings.host = [](const stage0::Url&) -> Result<stage0::HttpHostSettings> {
    return stage0::HttpHostSettings{.tls = {}, .allow_plain = true};
  };
  settings.retries = 1;
  settings.stall_timeout = kSecond;
  return settings;
}

inline std::string host_of(const ScriptedServer& server) { return server.url("").substr(7); }

// Of the repository "team/app".
inline std::unique_ptr<stage0::RegistryClient> client_of(stage0::HttpClient& http,
                                                         const ScriptedServer& server,
                                                         const stage0::CredentialSource& credentials = {},
                                                         bool may_send = true) {
  return std::make_unique<stage0::RegistryClient>(
      http,
      stage0::RegistryEndpoint{
          .host = host_of(server), .repository = "team/app", .registry = host_of(server)},
      credentials, [may_send](const std::string&) -> Result<bool> { return may_send; });
}

}  // namespace agena::test
