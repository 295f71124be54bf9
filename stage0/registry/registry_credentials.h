// What a registry may be shown of who we are.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/base/result.h"

namespace agena::stage0 {

struct RegistryCredentials {
  std::string user = {};
  std::string password = {};
  std::string identity_token = {};  // for the token server, instead of the two
  std::string registry_token = {};  // for the registry itself
  bool operator==(const RegistryCredentials&) const = default;
};

// Looks credentials up: by registry as references name it ("docker.io", "localhost:5000") and repository
// there. nullopt if there are none.
using CredentialSource = std::function<Result<std::optional<RegistryCredentials>>(
    const std::string& registry, const std::string& repository)>;

}  // namespace agena::stage0
