#include "stage1/stop/stop.h"

#include <signal.h>
#include <sys/stat.h>

#include <cerrno>

#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/sys/pidfd.h"

namespace agena::stage1 {

namespace {

// Whether a process works in the pod's directory, as its supervisor does from first to last. The number may
// be of an earlier life of the pod, and somebody else's by now.
Result<bool> is_in_directory(pid_t pid, const sys::DirFd& pod_dir) {
  struct stat pod{};
  struct stat its{};
  if (::fstat(pod_dir.get(), &pod) != 0) return sys_fail("looking at the pod's directory");
  if (::stat(fmt::format("/proc/{}/cwd", pid).c_str(), &its) != 0) {
    if (errno == ENOENT || errno == ESRCH) return false;  // it has ended
    return sys_fail("looking at process {}, which may be the pod's supervisor", pid);
  }
  return pod.st_dev == its.st_dev && pod.st_ino == its.st_ino;
}

}  // namespace

Result<> stop(const sys::DirFd& pod_dir, const contract::EntrypointCall& call) {
  const auto ppid = TRY(contract::read_pid_file(pod_dir, contract::pod_paths::kPpid));
  if (!ppid) return fail(ErrorKind::kNotFound, "the pod has no supervisor yet");
  const auto supervisor = sys::open_pidfd(*ppid);
  if (!supervisor && supervisor.error().kind() == ErrorKind::kNotFound) return {};  // gone already
  if (!supervisor) return std::unexpected(supervisor.error());
  if (!TRY(is_in_directory(*ppid, pod_dir))) return {};
  if (!call.flag("force")) return sys::send_signal(*supervisor, SIGTERM);
  for (const pid_t child : TRY(sys::children_of(*ppid))) {
    const auto process = sys::open_pidfd(child);
    if (process) TRY(sys::send_signal(*process, SIGKILL));
  }
  return sys::send_signal(*supervisor, SIGKILL);
}

}  // namespace agena::stage1
