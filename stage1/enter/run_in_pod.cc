#include "stage1/enter/run_in_pod.h"

#include <sched.h>
#include <sys/prctl.h>

#include "common/sys/namespaces.h"
#include "common/sys/spawn.h"

namespace agena::stage1 {

Result<int> run_in_pod(const sys::PidFd& init, const std::function<int()>& body) {
  // Until the exec the child is this program of the host, seen from inside the pod: /proc/PID/exe must not
  // lead anybody there to the file.
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return sys_fail("protecting the process");
  TRY(sys::join_namespaces(
      init, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP));
  // The pid namespace counts for children: the command runs in one, and we wait for it outside.
  auto child = TRY(sys::fork_child(body));
  const sys::ExitStatus status = TRY(child.wait());
  return status.code();
}

}  // namespace agena::stage1
