#include "stage1/bus/host_calls.h"

#include <systemd/sd-bus.h>

#include <algorithm>
#include <array>
#include <vector>

#include "common/base/strings.h"

namespace agena::stage1 {
namespace {

constexpr const char* kSystemd = "org.freedesktop.systemd1";
constexpr const char* kSystemdPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kMachined = "org.freedesktop.machine1";
constexpr const char* kMachinedPath = "/org/freedesktop/machine1";
constexpr const char* kMachineManager = "org.freedesktop.machine1.Manager";

// What became of the job that a scope starts with.
struct Job {
  std::string path;
  std::vector<std::pair<std::string, std::string>> removed;  // path and result of jobs that have ended
};

int note_removed(sd_bus_message* message, void* userdata, sd_bus_error* /*error*/) {
  const char* path = nullptr;
  const char* unit = nullptr;
  const char* result = nullptr;
  std::uint32_t id = 0;
  if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) >= 0)
    static_cast<Job*>(userdata)->removed.emplace_back(path, result);
  return 0;
}

// The job may end before the answer that names it has been read, so all are remembered.
Result<> wait_for(const Bus& manager, const Job& job, Nanoseconds deadline) {
  while (true) {
    const auto done = std::ranges::find(job.removed, job.path, &std::pair<std::string, std::string>::first);
    if (done != job.removed.end()) {
      if (done->second == "done") return {};
      return fail(ErrorKind::kSystem, "the job ended with '{}'", printable(done->second));
    }
    const Nanoseconds left = deadline - monotonic_now();
    if (left <= 0) return fail(ErrorKind::kBusy, "the job did not end in time");
    int r = sd_bus_process(manager.get(), nullptr);
    if (r == 0) r = sd_bus_wait(manager.get(), static_cast<std::uint64_t>(left / 1000));
    if (r < 0) return bus_fail(r, "waiting for the job");
  }
}

Result<BusMessage> scope_call(const Bus& manager, const ScopeRequest& scope) {
  auto call = TRY(manager.new_call(kSystemd, kSystemdPath, kManager, "StartTransientUnit"));
  // CollectMode: a scope that ended badly is not to be kept for looking at.
  const int r = sd_bus_message_append(
      call.get(), "ssa(sv)a(sa(sv))", scope.unit.c_str(), "fail", 5, "Description", "s",
      scope.description.c_str(), "Slice", "s", scope.slice.c_str(), "PIDs", "au", 1,
      static_cast<std::uint32_t>(scope.pid), "Delegate", "b", 1, "CollectMode", "s", "inactive-or-failed", 0);
  if (r < 0) return bus_fail(r, "describing the scope");
  return call;
}

}  // namespace

Result<> start_scope(const Bus& manager, const ScopeRequest& scope, Nanoseconds timeout) {
  const Nanoseconds deadline = monotonic_now() + timeout;
  Job job;
  sd_bus_slot* slot = nullptr;
  // systemd tells all that happens to who is connected directly.
  if (const int r = sd_bus_match_signal(manager.get(), &slot, nullptr, kSystemdPath, kManager, "JobRemoved",
                                        note_removed, &job);
      r < 0)
    return bus_fail(r, "listening for the end of the job");
  const std::unique_ptr<sd_bus_slot, decltype(&sd_bus_slot_unref)> listening(slot, sd_bus_slot_unref);
  const BusMessage call = TRY(scope_call(manager, scope));
  const BusMessage reply = TRY(manager.call(call));
  const char* path = nullptr;
  if (const int r = sd_bus_message_read(reply.get(), "o", &path); r < 0)
    return bus_fail(r, "reading the answer");
  job.path = path;
  return wait_for(manager, job, deadline);
}

Result<> register_machine(const Bus& daemon, const Machine& machine) {
  const BusMessage call =
      TRY(daemon.new_call(kMachined, kMachinedPath, kMachineManager, "RegisterMachineWithNetwork"));
  const std::string id = TRY(from_hex(machine.id.without_dashes()));
  int r = sd_bus_message_append(call.get(), "s", machine.name.c_str());
  if (r >= 0) r = sd_bus_message_append_array(call.get(), 'y', id.data(), id.size());
  // No network interfaces of the host are named as the machine's.
  if (r >= 0)
    r = sd_bus_message_append(call.get(), "ssusai", machine.service.c_str(), "container",
                              static_cast<std::uint32_t>(machine.leader), machine.root.c_str(), 0);
  if (r < 0) return bus_fail(r, "describing the machine");
  TRY(daemon.call(call));
  return {};
}

Result<> unregister_machine(const Bus& daemon, const std::string& name) {
  const BusMessage call =
      TRY(daemon.new_call(kMachined, kMachinedPath, kMachineManager, "UnregisterMachine"));
  if (const int r = sd_bus_message_append(call.get(), "s", name.c_str()); r < 0)
    return bus_fail(r, "describing the machine");
  TRY(daemon.call(call));
  return {};
}

}  // namespace agena::stage1
