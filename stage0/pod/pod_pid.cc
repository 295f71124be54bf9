// Finding a pod's first process.
#include <time.h>

#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/sys/pidfd.h"
#include "stage0/pod/pod_info.h"
#include "stage0/pod/pod_watch.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

struct Found {
  std::optional<pid_t> pid;
  bool has_parent = false;  // `ppid` is there, its child is not yet
};

Result<Found> look(const sys::DirFd& pod) {
  Found found;
  found.pid = TRY(contract::read_pid_file(pod, paths::kPid));
  if (found.pid) return found;
  const auto parent = TRY(contract::read_pid_file(pod, paths::kPpid));
  if (!parent) return found;
  found.has_parent = true;
  const auto children = TRY(sys::children_of(*parent));
  // A supervisor has one child that lasts; the kernel lists the oldest first.
  if (!children.empty()) found.pid = children.front();
  return found;
}

}  // namespace

Result<std::optional<pid_t>> read_pod_pid(Pod& pod, bool wait) {
  PodWatch watch({pod.dir().get()});
  while (TRY(pod.state()) == PodState::kRunning) {
    const Found found = TRY(look(pod.dir()));
    if (found.pid || !wait) return found.pid;
    if (!found.has_parent) {
      TRY(watch.wait(WaitLimit(std::nullopt)));
      continue;
    }
    // The supervisor is between writing `ppid` and cloning; no event tells of a new process.
    constexpr timespec kPause{0, 500'000};
    (void)::nanosleep(&kPause, nullptr);
  }
  return std::optional<pid_t>();
}

}  // namespace agena::stage0
