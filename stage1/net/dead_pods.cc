#include "stage1/net/dead_pods.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "common/base/log.h"
#include "common/base/uuid.h"
#include "common/contract/pod_paths.h"
#include "common/contract/pod_phase.h"
#include "common/contract/status_files.h"
#include "common/sys/fs.h"
#include "common/sys/lock.h"
#include "common/sys/pidfd.h"
#include "stage1/net/capabilities.h"
#include "stage1/net/net_record.h"
#include "stage1/net/pod_network.h"

namespace agena::stage1 {
namespace {

constexpr std::array kOfDeadPods = {contract::PodDirectory::kRun, contract::PodDirectory::kExitedGarbage};

// What plugins do at the end of a pod takes well below a second, unless they hang.
constexpr Nanoseconds kPatience = 30 * kSecond;

struct NewPod {
  std::span<const schema::PortMapping> ports;
  PluginControl control;

  bool is_to_end() const {
    pollfd request{control.end_request, POLLIN, 0};
    return request.fd >= 0 && ::poll(&request, 1, 0) > 0;
  }
};

// A pod that runs: somebody has its lock, and its supervisor lives.
Result<bool> runs(const sys::DirFd& pod) {
  const auto supervisor = TRY(contract::read_pid_file(pod, contract::pod_paths::kPpid));
  if (!supervisor) return false;
  const auto process = sys::open_pidfd(*supervisor);
  return process && !TRY(sys::wait_for_end(*process, 0));
}

// Whether plugins forward such a port to the pod. A pod that runs holds its ports, so none of them is among
// those that another pod has taken.
Result<bool> has_any(const sys::DirFd& pod, std::span<const schema::PortMapping> ports) {
  const StoredRecords stored = TRY(read_net_records(pod));
  for (const auto& [index, record] : stored.records) {
    if (!record.attachment.conf.has_capability(kPortMappings)) continue;
    const auto forwarded = TRY(ports_in_capabilities(record.attachment.runtime_config));
    const auto is_wanted = [&](const schema::PortMapping& one) {
      return std::ranges::any_of(ports, [&](const auto& other) { return schema::overlap(one, other); });
    };
    if (std::ranges::any_of(forwarded, is_wanted)) return true;
  }
  return false;
}

// The pod, to itself; nullopt if it runs, or if what somebody else does with it does not matter.
Result<std::optional<sys::FileLock>> lock_dead(const sys::DirFd& pod, const std::string& name,
                                               const NewPod& asker) {
  const auto open = [&] { return sys::open_at(pod, ".", O_RDONLY | O_DIRECTORY); };
  // Shared: to others the pod looks as dead as it is, and gc does not begin with it meanwhile.
  if (auto lock = TRY(sys::FileLock::try_now(TRY(open()), sys::LockMode::kShared))) return lock;
  if (TRY(runs(pod)) || !TRY(has_any(pod, asker.ports))) return std::nullopt;
  const Nanoseconds deadline = monotonic_now() + kPatience;
  while (!asker.is_to_end()) {
    auto lock = sys::FileLock::wait_at_most(TRY(open()), sys::LockMode::kShared, kSecond / 10);
    if (lock) return std::optional(*std::move(lock));
    if (lock.error().kind() != ErrorKind::kBusy) return std::unexpected(std::move(lock).error());
    if (monotonic_now() < deadline) continue;
    log::warning("warning: who connects to the pod's ports may come to pod '{}', which is being removed",
                 name);
    break;
  }
  return std::nullopt;
}

Result<> take_down(const sys::DirFd& phase, const std::string& name, const NewPod& asker) {
  const auto uuid = Uuid::parse(name);
  if (!uuid) return {};
  const std::string records = name + "/" + contract::pod_paths::kNetRecords;
  if (!TRY(sys::exists(phase, records)) || TRY(sys::list_dir(phase, records)).empty()) return {};
  const sys::DirFd pod = TRY(sys::open_dir(phase, name));
  const auto lock = TRY(lock_dead(pod, name, asker));
  if (!lock) return {};
  return tear_down_networks(pod, *uuid, asker.control);
}

Result<> take_down_all(const sys::DirFd& pods, contract::PodDirectory directory, const NewPod& asker) {
  const std::string name(name_of(directory));
  if (!TRY(sys::exists(pods, name))) return {};
  const sys::DirFd phase = TRY(sys::open_dir(pods, name));
  for (const std::string& pod : TRY(sys::list_dir(phase)))
    if (const auto done = take_down(phase, pod, asker); !done)
      log::debug("networks of dead pod '{}': {}", pod, done.error().to_string());
  return {};
}

}  // namespace

void take_down_networks_of_dead_pods(const sys::DirFd& pod_dir, std::span<const schema::PortMapping> ports,
                                     const PluginControl& control) {
  const auto pods = sys::open_dir(pod_dir, "../..");
  if (!pods) return log::debug("the pods directory: {}", pods.error().to_string());
  for (const contract::PodDirectory directory : kOfDeadPods)
    if (const auto done = take_down_all(*pods, directory, {ports, control}); !done)
      log::debug("networks of dead pods: {}", done.error().to_string());
}

}  // namespace agena::stage1
