#include "common/sys/spawn.h"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/spawn_child.h"
#include "common/sys/user_namespace.h"

namespace agena::sys {
namespace {

using detail::ChildFailure;
using detail::ChildPlan;
using detail::ChildStep;

constexpr std::array kStepNames = {
    "setting the parent-death signal",
    "checking that the parent lives",
    "becoming root of the user namespace",
    "starting a session",
    "starting a process group",
    "joining a namespace",
    "entering the working directory",
    "arranging file descriptors",
    "resetting signals",
    "executing",
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  // exec's signature lacks const for historical reasons only; it does not write.
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

Result<> report_of(int fd, const SpawnPlan& plan) {
  ChildFailure failure{};
  ssize_t n = 0;
  do n = ::read(fd, &failure, sizeof failure);
  while (n < 0 && errno == EINTR);
  if (n == 0) return {};
  if (n != static_cast<ssize_t>(sizeof failure)) return sys_fail("hearing from the child process");
  const std::string what = kStepNames.at(static_cast<std::size_t>(failure.step));
  if (failure.step != ChildStep::kExec) return errno_fail(failure.error, "{}", what);
  return errno_fail(failure.error, "{} '{}'", what,
                    printable(plan.path.empty() ? plan.argv.at(0) : plan.path));
}

// clone3 by hand: glibc's fork would run atfork handlers, and has no pidfd, cgroup or namespaces.
long clone_process(const SpawnPlan& plan, int& pidfd) {
  clone_args args{};
  args.flags = CLONE_CLEAR_SIGHAND;
  args.flags |= static_cast<unsigned>(CLONE_PIDFD);
  args.flags |= plan.namespaces;
  if (plan.user_ids) args.flags |= CLONE_NEWUSER;
  args.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  if (plan.cgroup != nullptr) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<__u64>(plan.cgroup->get());
  }
  return ::syscall(SYS_clone3, &args, sizeof args);
}

}  // namespace

Child::~Child() {
  if (!fd_) return;
  (void)send_signal(fd_, SIGKILL);  // a destructor has nobody to tell
  (void)reap(fd_);
}

Result<ExitStatus> Child::wait() {
  const ExitStatus status = TRY(reap(fd_));
  fd_.reset();
  return status;
}

Result<Child> spawn(const SpawnPlan& plan) {
  Pipe report = TRY(make_pipe());
  Pipe mapped = plan.user_ids ? TRY(make_pipe()) : Pipe();
  const std::vector<char*> argv = pointers(plan.argv);
  // Not value_or(), whose copy would be gone by then.
  const std::vector<char*> environment =
      plan.environment ? pointers(*plan.environment) : std::vector<char*>();
  std::vector<detail::FdMoveRaw> fds;
  for (const SpawnPlan::FdMove& move : plan.fds) fds.push_back({move.from, move.to});
  std::vector<detail::FdMoveRaw> scratch(fds.size());
  const ChildPlan child{
      .path = plan.path.c_str(),
      .program = plan.program != nullptr ? plan.program->get() : -1,
      .argv = argv.data(),
      .environment = plan.environment ? environment.data() : environ,
      .fds = fds.data(),
      .fd_count = fds.size(),
      .scratch = scratch.data(),
      .join = plan.join.data(),
      .join_count = plan.join.size(),
      .directory = plan.directory != nullptr ? plan.directory->get() : -1,
      .new_session = plan.new_session,
      .own_process_group = plan.own_process_group,
      .death_signal = plan.death_signal,
      .parent = (plan.namespaces & CLONE_NEWPID) != 0 ? 0 : ::getpid(),
      .report = report.write.get(),
      .mapped = mapped.read.get(),
      .mapped_parent = mapped.write.get(),
  };
  int pidfd = -1;
  const long pid = clone_process(plan, pidfd);
  if (pid < 0) return sys_fail("creating a process");
  if (pid == 0) detail::run_child(child);
  Child started(static_cast<pid_t>(pid), PidFd(pidfd));
  if (plan.user_ids) {
    TRY(write_id_maps(started.pid(), *plan.user_ids));
    TRY(write_all(mapped.write.get(), "m"));
  }
  report.write.reset();
  // On failure the child is dropped here, which reaps it.
  if (auto told = report_of(report.read.get(), plan); !told) return std::unexpected(std::move(told).error());
  return started;
}

Result<Child> fork_child(const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid < 0) return sys_fail("creating a process");
  if (pid == 0) ::_exit(body());
  // Nobody else reaps it, so the pid is still its own.
  auto fd = open_pidfd(pid);
  if (fd) return Child(pid, *std::move(fd));
  (void)::kill(pid, SIGKILL);
  (void)::waitpid(pid, nullptr, 0);
  return std::unexpected(std::move(fd).error());
}

}  // namespace agena::sys
