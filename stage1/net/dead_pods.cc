#include "stage1/net/dead_pods.h"

#include <fcntl.h>

#include <array>

#include "common/base/log.h"
#include "common/base/uuid.h"
#include "common/contract/pod_paths.h"
#include "common/contract/pod_phase.h"
#include "common/sys/fs.h"
#include "common/sys/lock.h"
#include "stage1/net/pod_network.h"

namespace agena::stage1 {
namespace {

constexpr std::array kOfDeadPods = {contract::PodDirectory::kRun, contract::PodDirectory::kExitedGarbage};

Result<> take_down(const sys::DirFd& phase, const std::string& name) {
  const auto uuid = Uuid::parse(name);
  if (!uuid) return {};
  const std::string records = name + "/" + contract::pod_paths::kNetRecords;
  if (!TRY(sys::exists(phase, records)) || TRY(sys::list_dir(phase, records)).empty()) return {};
  const sys::DirFd pod = TRY(sys::open_dir(phase, name));
  // Shared: to others the pod looks as dead as it is, and gc does not begin with it meanwhile.
  const auto lock = TRY(
      sys::FileLock::try_now(TRY(sys::open_at(phase, name, O_RDONLY | O_DIRECTORY)), sys::LockMode::kShared));
  if (!lock) return {};
  return tear_down_networks(pod, *uuid);
}

Result<> take_down_all(const sys::DirFd& pods, contract::PodDirectory directory) {
  const std::string name(name_of(directory));
  if (!TRY(sys::exists(pods, name))) return {};
  const sys::DirFd phase = TRY(sys::open_dir(pods, name));
  for (const std::string& pod : TRY(sys::list_dir(phase)))
    if (const auto done = take_down(phase, pod); !done)
      log::debug("networks of dead pod '{}': {}", pod, done.error().to_string());
  return {};
}

}  // namespace

void take_down_networks_of_dead_pods(const sys::DirFd& pod_dir) {
  const auto pods = sys::open_dir(pod_dir, "../..");
  if (!pods) return log::debug("the pods directory: {}", pods.error().to_string());
  for (const contract::PodDirectory directory : kOfDeadPods)
    if (const auto done = take_down_all(*pods, directory); !done)
      log::debug("networks of dead pods: {}", done.error().to_string());
}

}  // namespace agena::stage1
