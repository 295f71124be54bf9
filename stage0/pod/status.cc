#include "stage0/pod/status.h"

#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/sys/fs.h"
#include "stage0/pod/pod_files.h"
#include "stage0/pod/pod_watch.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

// Whether a pod may still come to run, or runs.
bool is_alive(PodState state) {
  switch (state) {
    case PodState::kEmbryo:
    case PodState::kPreparing:
    case PodState::kPrepared:
    case PodState::kRunning:
      return true;
    case PodState::kAbortedPrepare:
    case PodState::kExited:
    case PodState::kExitedGarbage:
    case PodState::kExitedDeleting:
    case PodState::kGarbage:
    case PodState::kDeleting:
      return false;
  }
  return false;
}

// Alive, or not, or gone altogether.
Result<bool> still_alive(Pod& pod) {
  const auto state = pod.state();
  if (state) return is_alive(*state);
  if (state.error().kind() == ErrorKind::kNotFound) return false;
  return std::unexpected(state.error());
}

Result<bool> wait_finished(Pod& pod, const WaitLimit& limit) {
  PodWatch watch({pod.dir().get()});
  while (TRY(still_alive(pod)))
    if (!TRY(watch.wait(limit))) return false;
  return true;
}

Result<bool> wait_ready(Pod& pod, const WaitLimit& limit) {
  PodWatch watch({pod.dir().get()});
  // The directory of the status symlink; stage0 makes it while it prepares the pod.
  sys::DirFd status_dir;
  while (true) {
    if (!TRY(still_alive(pod)))
      return fail(ErrorKind::kInvalidInput, "pod '{}' has ended and will not become ready", pod.uuid().str());
    if (!status_dir) {
      const auto root = status_root_path(pod.dir());
      if (root) {
        if (auto dir = sys::open_dir(pod.dir(), *root + "/rkt")) status_dir = *std::move(dir);
      }
      if (status_dir) watch.add(status_dir.get());
    }
    if (TRY(is_supervisor_ready(pod.dir()))) return true;
    if (!TRY(watch.wait(limit))) return false;
  }
}

}  // namespace

Result<PodStatus> read_pod_status(Pod& pod) {
  PodStatus status{.info = TRY(read_pod_info(pod)), .pid = std::nullopt, .exited = false};
  const auto note = [&](const Error& error) {
    status.info.problems.push_back(Error(error).with_context("pod '" + pod.uuid().str() + "'"));
  };
  for (const char* name : {paths::kPid, paths::kPpid}) {
    const auto pid = contract::read_pid_file(pod.dir(), name);
    if (!pid) note(pid.error());
    if (pid && !status.pid) status.pid = *pid;
  }
  const PodState state = status.info.state;
  status.exited =
      state == PodState::kExited || state == PodState::kExitedGarbage || state == PodState::kExitedDeleting;
  return status;
}

Result<bool> wait_for_pod(Pod& pod, WaitFor what, std::optional<Nanoseconds> timeout) {
  const WaitLimit limit(timeout);
  return what == WaitFor::kFinished ? wait_finished(pod, limit) : wait_ready(pod, limit);
}

}  // namespace agena::stage0
