#include "stage1/enter/run_in_pod.h"

#include <sched.h>
#include <sys/prctl.h>

#include "common/sys/namespaces.h"
#include "common/sys/spawn.h"
#include "common/sys/user_namespace.h"

namespace agena::stage1 {

namespace {

constexpr int kNamespaces =
    CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;

// With its user namespace, if it has one of its own: the kernel takes nobody into the one that he is in.
Result<> join_pod(const sys::PidFd& init) {
  const auto joined = sys::join_namespaces(init, kNamespaces | CLONE_NEWUSER);
  if (joined) return sys::become_root();
  if (joined.error().sys_errno() != EINVAL) return joined;
  return sys::join_namespaces(init, kNamespaces);
}

}  // namespace

Result<int> run_in_pod(const sys::PidFd& init, const std::function<int()>& body) {
  // Until the exec the child is this program of the host, seen from inside the pod: /proc/PID/exe must not
  // lead anybody there to the file, nor /proc/PID/fd to what it has open.
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return sys_fail("protecting the process");
  TRY(join_pod(init));
  // The pid namespace counts for children: the command runs in one, and we wait for it outside.
  auto child = TRY(sys::fork_child(body));
  const sys::ExitStatus status = TRY(child.wait());
  return status.code();
}

}  // namespace agena::stage1
