// Finding a pod's first process.
#include <time.h>

#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/sys/fs.h"
#include "common/sys/pidfd.h"
#include "stage0/pod/pod_files.h"
#include "stage0/pod/pod_info.h"
#include "stage0/pod/pod_watch.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

struct Found {
  std::optional<pid_t> pid;
  bool has_parent = false;  // `ppid` is there, its child is not yet
};

// Our own supervisor may have other children for a moment, such as plugins of networks, which run on the
// host: nobody may enter those. Another stage1 may have a pod without a pid namespace.
bool is_in_pod(const sys::DirFd& pod, pid_t supervisor, pid_t child) {
  const auto flavor = sys::read_link(pod, paths::kFlavor);
  if (!flavor || *flavor != "systemd") return true;
  const auto name_space = [](pid_t pid) {
    return sys::read_link(sys::at_cwd(), fmt::format("/proc/{}/ns/pid", pid)).value_or("");
  };
  // Of a child that has just ended nothing can be read.
  const std::string theirs = name_space(child);
  return !theirs.empty() && theirs != name_space(supervisor);
}

Result<Found> look(const sys::DirFd& pod) {
  Found found;
  found.pid = TRY(contract::read_pid_file(pod, paths::kPid));
  if (found.pid) return found;
  const auto parent = TRY(contract::read_pid_file(pod, paths::kPpid));
  if (!parent) return found;
  found.has_parent = true;
  const auto children = TRY(sys::children_of(*parent));
  // A supervisor has one child that lasts; the kernel lists the oldest first.
  if (!children.empty() && is_in_pod(pod, *parent, children.front())) found.pid = children.front();
  return found;
}

// Of a pod without a first process: whether it had one that ran. The supervisor may need a while for its end.
Result<bool> has_lost_its_first(const sys::DirFd& pod) {
  // It may have got it just now.
  return TRY(is_supervisor_ready(pod)) && !TRY(look(pod)).pid;
}

std::unexpected<Error> told_nothing(const Pod& pod) {
  return fail(ErrorKind::kBusy, "pod '{}' is running, but its stage1 has not told a process id",
              pod.uuid().str());
}

}  // namespace

Result<std::optional<pid_t>> read_pod_pid(Pod& pod) {
  if (TRY(pod.state()) != PodState::kRunning) return std::optional<pid_t>();
  return TRY(look(pod.dir())).pid;
}

Result<std::optional<pid_t>> wait_for_pod_pid(Pod& pod, Nanoseconds at_most) {
  // Closing a watch waits for the kernel's readers (SRCU, 5 to 20 ms): none is made for the common case.
  if (const auto pid = TRY(read_pod_pid(pod))) return pid;
  const WaitLimit limit(at_most);
  PodWatch watch({pod.dir().get()});
  while (TRY(pod.state()) == PodState::kRunning) {
    const Found found = TRY(look(pod.dir()));
    if (found.pid) return found.pid;
    if (found.has_parent && TRY(has_lost_its_first(pod.dir()))) return std::optional<pid_t>();
    bool time_left = *limit.left() > 0;
    if (found.has_parent) {
      // The supervisor is between writing `ppid` and cloning; no event tells of a new process.
      constexpr timespec kPause{0, 500'000};
      (void)::nanosleep(&kPause, nullptr);
    } else {
      time_left = TRY(watch.wait(limit));
    }
    if (!time_left) return told_nothing(pod);
  }
  return std::optional<pid_t>();
}

Result<bool> wait_for_stage1(Pod& pod, Nanoseconds at_most) {
  const auto is_there = [&]() -> Result<bool> {
    const Found found = TRY(look(pod.dir()));
    return found.pid || found.has_parent;
  };
  if (TRY(pod.state()) == PodState::kRunning && TRY(is_there())) return true;
  const WaitLimit limit(at_most);
  PodWatch watch({pod.dir().get()});
  while (TRY(pod.state()) == PodState::kRunning) {
    if (TRY(is_there())) return true;
    if (!TRY(watch.wait(limit))) return told_nothing(pod);
  }
  return false;
}

}  // namespace agena::stage0
