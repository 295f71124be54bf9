#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "common/base/strings.h"
#include "common/stage2/step_bodies.h"

namespace agena::stage2 {
namespace {

// Variables of sd_listen_fds(3): they belong together, and only to the process that LISTEN_PID names.
constexpr std::array<std::string_view, 3> kListenNames = {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"};
constexpr std::int64_t kMostListenFds = 4096;

std::optional<std::string> own_variable(const std::string& name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): single-threaded by contract (steps.h).
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// Number of descriptors that systemd passed to this process, 0 if none or if they are somebody else's.
int own_listen_fds() {
  const auto pid = own_variable("LISTEN_PID");
  const auto count = own_variable("LISTEN_FDS");
  if (!pid || !count || *pid != fmt::format("{}", ::getpid())) return 0;
  return static_cast<int>(parse_int(*count, 0, kMostListenFds).value_or(0));
}

void set_variable(std::vector<std::string>& environment, const std::string& name, const std::string& value) {
  const std::string prefix = name + "=";
  const auto same = [&](const std::string& entry) { return entry.starts_with(prefix); };
  const auto it = std::ranges::find_if(environment, same);
  if (it != environment.end())
    *it = prefix + value;
  else
    environment.push_back(prefix + value);
}

}  // namespace

void build_environment(LaunchState& state) {
  const auto& passed = state.plan.pass_environment;
  const int listen_fds = own_listen_fds();
  if (std::ranges::find(passed, "LISTEN_FDS") != passed.end()) state.listen_fds = listen_fds;
  for (const std::string& name : passed) {
    const bool listens = std::ranges::find(kListenNames, name) != kListenNames.end();
    const auto value = listens && state.listen_fds == 0 ? std::nullopt : own_variable(name);
    if (value) set_variable(state.environment, name, *value);
  }
  for (const EnvironmentVariable& variable : state.plan.environment)
    set_variable(state.environment, variable.name, variable.value);
}

void announce_sockets(LaunchState& state, const std::vector<std::string>& names) {
  state.listen_fds = static_cast<int>(names.size());
  set_variable(state.environment, "LISTEN_FDS", fmt::format("{}", names.size()));
  // The program will be this process.
  set_variable(state.environment, "LISTEN_PID", fmt::format("{}", ::getpid()));
  set_variable(state.environment, "LISTEN_FDNAMES", join(names, ":"));
}

}  // namespace agena::stage2
