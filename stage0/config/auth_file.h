// auth.json of containers-common and config.json of docker: credentials by registry, and programs that know
// some. Complaints about them never quote a value.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::stage0 {

struct AuthEntry {
  std::string user = {};
  std::string password = {};
  std::string identity_token = {};
  std::string registry_token = {};
  bool operator==(const AuthEntry&) const = default;
};

struct AuthFile {
  std::map<std::string, AuthEntry> entries;    // by host[:port][/path]
  std::map<std::string, std::string> helpers;  // by host[:port]; the program is docker-credential-VALUE
  std::string store;                           // the program for all others; empty: none

  // The entry with the longest prefix of registry/repository; nullptr if there is none.
  const AuthEntry* find(const std::string& registry, const std::string& repository) const;
};

// Reads the bytes of such a file; kInvalidInput names `path`.
Result<AuthFile> parse_auth_file(std::string_view bytes, const std::string& path);

// A key of these files as AuthFile has it: without scheme, docker.io by that name. Keys with a scheme are
// hosts.
std::string normalise_auth_key(std::string_view key);

}  // namespace agena::stage0
