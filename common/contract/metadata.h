// The metadata service as stage0 and stage1 agree on it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/core.h>

namespace agena::contract {

// Where it listens unless somebody says otherwise (rkt's number).
inline constexpr std::uint16_t kMetadataPort = 18112;
// Interface version from which on a stage1 gets the token by env::kMdsToken instead of --mds-token.
inline constexpr int kMdsTokenByVariable = 9;

// AC_METADATA_URL of a pod; `host` is the host's address as the pod reaches it, IPv6 in brackets.
inline std::string metadata_url(std::string_view host, std::uint16_t port, std::string_view token) {
  return fmt::format("http://{}:{}/{}", host, port, token);
}

}  // namespace agena::contract
