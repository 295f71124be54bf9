#include "stage0/config/containers_files.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxFile = 1U << 20U;

bool is_file(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace

std::optional<std::string> read_environment(const char* name) {
  const char* text = ::secure_getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return text;
}

ContainersFiles containers_files(const EnvironmentReader& environment) {
  const auto home = environment("HOME");
  const auto config_home = environment("XDG_CONFIG_HOME");
  // containers-common's directory of the user; empty if there is no home.
  std::string user;
  if (config_home)
    user = *config_home + "/containers";
  else if (home)
    user = *home + "/.config/containers";

  ContainersFiles files;
  files.registries_dirs = {"/etc/containers/registries.conf.d"};
  files.certs_dirs = {"/etc/containers/certs.d", "/etc/docker/certs.d"};
  files.registries.path = "/etc/containers/registries.conf";
  if (!user.empty()) {
    // The user's file takes the place of the system's; drop-ins of both count.
    if (is_file(user + "/registries.conf")) files.registries.path = user + "/registries.conf";
    files.registries_dirs.push_back(user + "/registries.conf.d");
    files.certs_dirs.insert(files.certs_dirs.begin(), user + "/certs.d");
    files.policies.push_back(user + "/policy.json");
  }
  files.policies.emplace_back("/etc/containers/policy.json");
  if (const auto named = environment("CONTAINERS_REGISTRIES_CONF")) {
    files.registries = {.path = *named, .required = true};
    files.registries_dirs.clear();
  }
  if (const auto named = environment("CONTAINERS_REGISTRIES_CONF_DIR")) files.registries_dirs = {*named};

  if (const auto named = environment("REGISTRY_AUTH_FILE")) {
    files.auth = {{.path = *named, .required = true}};
    return files;
  }
  if (const auto runtime = environment("XDG_RUNTIME_DIR"))
    files.auth.push_back({.path = *runtime + "/containers/auth.json"});
  else
    files.auth.push_back({.path = fmt::format("/run/containers/{}/auth.json", ::geteuid())});
  if (!user.empty()) files.auth.push_back({.path = user + "/auth.json"});
  if (const auto docker = environment("DOCKER_CONFIG"))
    files.auth.push_back({.path = *docker + "/config.json"});
  else if (home)
    files.auth.push_back({.path = *home + "/.docker/config.json"});
  return files;
}

Result<std::optional<std::string>> read_containers_file(const ContainersFiles::File& file) {
  auto bytes = sys::read_file(sys::at_cwd(), file.path, kMaxFile);
  if (bytes) return *std::move(bytes);
  if (bytes.error().kind() == ErrorKind::kNotFound && !file.required) return std::nullopt;
  return std::unexpected(
      std::move(bytes).error().with_context(fmt::format("configuration file '{}'", printable(file.path))));
}

}  // namespace agena::stage0
