#include "stage1/stop/stop.h"

#include <signal.h>

#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/sys/pidfd.h"

namespace agena::stage1 {

Result<> stop(const sys::DirFd& pod_dir, const contract::EntrypointCall& call) {
  const auto ppid = TRY(contract::read_pid_file(pod_dir, contract::pod_paths::kPpid));
  if (!ppid) return fail(ErrorKind::kNotFound, "the pod has no supervisor yet");
  const auto supervisor = sys::open_pidfd(*ppid);
  if (!supervisor && supervisor.error().kind() == ErrorKind::kNotFound) return {};  // gone already
  if (!supervisor) return std::unexpected(supervisor.error());
  if (!call.flag("force")) return sys::send_signal(*supervisor, SIGTERM);
  for (const pid_t child : TRY(sys::children_of(*ppid))) {
    const auto process = sys::open_pidfd(child);
    if (process) TRY(sys::send_signal(*process, SIGKILL));
  }
  return sys::send_signal(*supervisor, SIGKILL);
}

}  // namespace agena::stage1
