// bus: calls to the host's systemd and systemd-machined, one per start, and in a mutable pod the agent that
// calls the pod's systemd. A program of its own, dynamically linked with the libsystemd of the stage1 image
// and started by the image's own loader, so that it needs nothing of the host but the socket.
//
//   bus [--debug] scope UNIT SLICE PID DESCRIPTION
//   bus [--debug] manager
//   bus [--debug] register NAME UUID LEADER ROOT
//   bus [--debug] unregister NAME
//
// Exit code 0: done, or there is nobody to do it (no machined, no such machine). Anything else is told on
// stderr, and 254.
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/contract/exit_codes.h"
#include "common/stage2/hub_protocol.h"
#include "stage1/bus/host_calls.h"
#include "stage1/bus/manager.h"

namespace agena::stage1 {
namespace {

constexpr const char* kManagerSocket = "/run/systemd/private";
constexpr const char* kUnitDir = "/run/systemd/system";  // of the pod
constexpr const char* kDaemonSocket = "/run/dbus/system_bus_socket";
// The pod's start waits for its scope; systemd itself answers in milliseconds.
constexpr Nanoseconds kScopeTimeout = 5 * kSecond;
// machined may have to be started by the daemon first.
constexpr Nanoseconds kMachineTimeout = 25 * kSecond;

using Words = std::span<const std::string>;

Result<pid_t> parse_pid(const std::string& text) {
  return static_cast<pid_t>(TRY_CTX(parse_int(text, 1, INT32_MAX), "process id"));
}

Result<> scope(Words words) {
  const Bus manager = TRY(Bus::connect_manager(kManagerSocket, kScopeTimeout));
  const ScopeRequest request{
      .unit = words[0], .slice = words[1], .description = words[3], .pid = TRY(parse_pid(words[2]))};
  return start_scope(manager, request, kScopeTimeout);
}

Result<> manager(Words /*words*/) {
  return run_manager_agent({.supervisor = TRY(join_supervisor(stage2::kHubSocket)),
                            .manager_socket = kManagerSocket,
                            .unit_dir = kUnitDir});
}

Result<> register_one(Words words) {
  const Bus daemon = TRY(Bus::connect_daemon(kDaemonSocket, kMachineTimeout));
  return register_machine(daemon, {.name = words[0],
                                   .id = TRY(Uuid::parse(words[1])),
                                   .service = "agena",
                                   .leader = TRY(parse_pid(words[2])),
                                   .root = words[3]});
}

Result<> unregister(Words words) {
  const Bus daemon = TRY(Bus::connect_daemon(kDaemonSocket, kMachineTimeout));
  return unregister_machine(daemon, words[0]);
}

struct Command {
  std::string_view name;
  std::size_t words;
  bool needs_somebody;   // nobody to do it is an error
  const char* activity;  // for messages
  Result<> (*run)(Words);
};
constexpr std::array kCommands = {
    Command{"manager", 0, true, "serving the supervisor", manager},
    Command{"register", 4, false, "registering with systemd-machined", register_one},
    Command{"scope", 4, true, "starting a scope unit", scope},
    Command{"unregister", 1, false, "unregistering from systemd-machined", unregister},
};
static_assert(sorted_by_name(kCommands));

Result<> dispatch(Words words) {
  const Command* command = words.empty() ? nullptr : find_by_name(kCommands, words[0]);
  if (command == nullptr || words.size() != command->words + 1)
    return fail(
        ErrorKind::kInvalidInput,
        "usage: bus [--debug] manager | scope UNIT SLICE PID DESCRIPTION | register NAME UUID LEADER ROOT | "
        "unregister NAME");
  auto done = command->run(words.subspan(1));
  if (done) return done;
  Error error = std::move(done).error().with_context(command->activity);
  if (command->needs_somebody || error.kind() != ErrorKind::kNotFound)
    return std::unexpected(std::move(error));
  log::debug("{}", error.to_string());
  return {};
}

int run(std::vector<std::string> words) {
  const bool debug = !words.empty() && words.front() == "--debug";
  if (debug) words.erase(words.begin());
  log::init("stage1", debug ? log::Level::kDebug : log::Level::kInfo);
  const auto done = dispatch(words);
  if (done) return contract::kExitSuccess;
  // The pod runs all the same.
  log::warning("warning: {}", debug ? done.error().to_tree() : done.error().to_string());
  return contract::kExitFailure;
}

}  // namespace
}  // namespace agena::stage1

int main(int argc, char** argv) {
  try {
    return agena::stage1::run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& e) {
    agena::log::write(agena::log::Level::kError, e.what());
    return agena::contract::kExitFailure;
  }
}
