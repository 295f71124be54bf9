// Runs between clone and exec: async-signal-safe calls only; no allocation, no locks, no C++ runtime.
#include "common/sys/spawn_child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace agena::sys::detail {
namespace {

constexpr int kExitSpawnFailed = 254;

[[noreturn]] void give_up(const ChildPlan& plan, ChildStep step, int error) {
  const ChildFailure failure{step, error};
  (void)!::write(plan.report, &failure, sizeof failure);
  ::_exit(kExitSpawnFailed);
}

// First copies every source to a high number, so that no move overwrites the source of a later one, then to
// its place.
int move_fds(const ChildPlan& plan) {
  constexpr int kFirstScratch = 64;
  for (std::size_t i = 0; i < plan.fd_count; ++i) {
    const int high = ::fcntl(plan.fds[i].from, F_DUPFD_CLOEXEC, kFirstScratch);
    if (high < 0) return errno;
    plan.scratch[i] = {high, plan.fds[i].to};
  }
  for (std::size_t i = 0; i < plan.fd_count; ++i)
    if (::dup2(plan.scratch[i].from, plan.scratch[i].to) < 0) return errno;
  return 0;
}

// Handlers of the parent do not survive (CLONE_CLEAR_SIGHAND); its blocked and ignored signals would.
int reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  return ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0 ? 0 : errno;
}

// As root of the new user namespace; the change of ids clears the death signal.
void become_mapped_root(const ChildPlan& plan) {
  (void)::close(plan.mapped_parent);
  char byte = 0;
  if (::read(plan.mapped, &byte, 1) != 1) ::_exit(kExitSpawnFailed);  // the parent tells why, or is gone
  // Not by libc, whose calls would have all threads of the parent change too.
  if (::syscall(SYS_setgroups, 0, nullptr) != 0 || ::syscall(SYS_setresgid, 0, 0, 0) != 0 ||
      ::syscall(SYS_setresuid, 0, 0, 0) != 0)
    give_up(plan, ChildStep::kUserNamespace, errno);
}

}  // namespace

void run_child(const ChildPlan& plan) {
  if (plan.mapped >= 0) become_mapped_root(plan);
  if (plan.death_signal != 0 && ::prctl(PR_SET_PDEATHSIG, plan.death_signal) != 0)
    give_up(plan, ChildStep::kDeathSignal, errno);
  if (plan.death_signal != 0 && plan.parent != 0 && ::getppid() != plan.parent)
    give_up(plan, ChildStep::kParentGone, ESRCH);
  if (plan.new_session && ::setsid() < 0) give_up(plan, ChildStep::kSession, errno);
  if (plan.own_process_group && ::setpgid(0, 0) != 0) give_up(plan, ChildStep::kProcessGroup, errno);
  for (std::size_t i = 0; i < plan.join_count; ++i)
    if (::setns(plan.join[i], 0) != 0) give_up(plan, ChildStep::kJoinNamespace, errno);
  if (plan.directory >= 0 && ::fchdir(plan.directory) != 0) give_up(plan, ChildStep::kDirectory, errno);
  if (const int error = move_fds(plan); error != 0) give_up(plan, ChildStep::kMoveFds, error);
  if (const int error = reset_signals(); error != 0) give_up(plan, ChildStep::kSignals, error);
  if (plan.program >= 0)
    ::syscall(SYS_execveat, plan.program, "", plan.argv, plan.environment, AT_EMPTY_PATH);
  else
    ::execve(plan.path, plan.argv, plan.environment);
  give_up(plan, ChildStep::kExec, errno);
}

}  // namespace agena::sys::detail
