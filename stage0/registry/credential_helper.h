// docker's credential helpers: programs docker-credential-NAME that know secrets.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "stage0/registry/registry_credentials.h"

namespace agena::stage0 {

// Asks the helper for a server's credentials; nullopt if it knows none. It is started without a shell, with
// an environment of a few variables, and killed if it has not answered in time. Errors never quote what it
// said.
Result<std::optional<RegistryCredentials>> ask_credential_helper(const std::string& name,
                                                                 const std::string& server,
                                                                 Nanoseconds at_most = 30 * kSecond);

}  // namespace agena::stage0
