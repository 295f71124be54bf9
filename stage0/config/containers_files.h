// Where the configuration of containers-common and docker lies: files that a host has already, for podman,
// skopeo or docker. Which they are follows their rules and their environment variables.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace agena::stage0 {

// The value of an environment variable; nullopt if it is not set or empty.
using EnvironmentReader = std::function<std::optional<std::string>(const char* name)>;
std::optional<std::string> read_environment(const char* name);

struct ContainersFiles {
  // A file named by the user must be there; the others need not.
  struct File {
    std::string path;
    bool required = false;
    bool operator==(const File&) const = default;
  };
  File registries = {};                           // registries.conf
  std::vector<std::string> registries_dirs = {};  // its drop-ins, later ones win
  std::vector<File> auth = {};               // auth.json and docker's config.json, the first that knows wins
  std::vector<std::string> policies = {};    // the first that is there counts
  std::vector<std::string> certs_dirs = {};  // each with directories HOST[:PORT]
};

ContainersFiles containers_files(const EnvironmentReader& environment = read_environment);

// Content of a file of at most 1 MiB; nullopt if it is not there and need not be.
Result<std::optional<std::string>> read_containers_file(const ContainersFiles::File& file);

}  // namespace agena::stage0
