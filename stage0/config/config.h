// The layered configuration: JSON files of the kinds auth, dockerAuth, paths and stage1 below a system, a
// local and a user directory. Later directories win, key by key; a key that stands twice in one directory is
// an error. Only regular files named *.json count. (docs/configuration.md)
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/result.h"

namespace agena::stage0 {

struct BasicCredentials {
  std::string user;
  std::string password;
  bool operator==(const BasicCredentials&) const = default;
};
struct OAuthCredentials {
  std::string token;
  bool operator==(const OAuthCredentials&) const = default;
};
struct AwsCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string region;  // empty: guessed from the URL
  bool operator==(const AwsCredentials&) const = default;
};
using Credentials = std::variant<BasicCredentials, OAuthCredentials, AwsCredentials>;

// Empty members were not configured.
struct PathsConfig {
  std::string data;           // absolute
  std::string stage1_images;  // absolute
  bool operator==(const PathsConfig&) const = default;
};

// Empty members were not configured; name and version come together.
struct Stage1Config {
  std::string name;
  std::string version;
  std::string location;  // absolute path, or URL of scheme file, docker, http or https
  bool operator==(const Stage1Config&) const = default;
};

struct Config {
  std::map<std::string, Credentials> auth;                // by domain
  std::map<std::string, BasicCredentials> registry_auth;  // by docker registry
  PathsConfig paths;
  Stage1Config stage1;
  bool operator==(const Config&) const = default;
};

// Which subdirectories to read: a command reads no more than it needs.
enum ConfigParts : std::uint8_t {
  kAuthParts = 1,    // auth.d
  kPathsParts = 2,   // paths.d
  kStage1Parts = 4,  // stage1.d
  kPodParts = 6,     // paths.d and stage1.d: what pods are made by
  kAllParts = 7,
};

// Reads the directories in this order, each winning over those before. A missing directory is empty; an empty
// name is skipped. Errors name the file and, by JSON pointer, the place.
Result<Config> load_config(std::span<const std::string> directories, ConfigParts parts);

// The configuration as one document, {"stage0":[…]}: an object of the same form as in the files for each
// domain and each registry, and always one of kind paths and one of kind stage1. Pretty: indented by tabs.
Result<std::string> render_config(const Config& config, bool pretty);

}  // namespace agena::stage0
