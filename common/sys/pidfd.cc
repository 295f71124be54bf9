#include "common/sys/pidfd.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::sys {

Result<PidFd> open_pidfd(pid_t pid) {
  PidFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) return sys_fail("opening process {}", pid);
  return fd;
}

Result<> send_signal(const PidFd& process, int signal) {
  if (::syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0 || errno == ESRCH) return {};
  return sys_fail("sending signal {}", signal);
}

Result<bool> wait_for_end(const PidFd& process, Nanoseconds at_most) {
  const Nanoseconds deadline = at_most < 0 ? INT64_MAX : monotonic_now() + at_most;
  while (true) {
    pollfd entry{process.get(), POLLIN, 0};
    const Nanoseconds left = at_most < 0 ? -1 : std::max<Nanoseconds>(0, deadline - monotonic_now());
    const timespec timeout{left / kSecond, left % kSecond};
    const int n = ::ppoll(&entry, 1, at_most < 0 ? nullptr : &timeout, nullptr);
    if (n > 0) return true;
    if (n == 0) return false;
    if (errno != EINTR) return sys_fail("waiting for a process");
  }
}

Result<ExitStatus> reap(const PidFd& child) {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(child.get()), &info, WEXITED) != 0)
    if (errno != EINTR) return sys_fail("reaping a child process");
  return ExitStatus{info.si_code != CLD_EXITED, info.si_status};
}

Result<std::vector<pid_t>> children_of(pid_t pid) {
  std::vector<pid_t> children;
  const std::string tasks = fmt::format("/proc/{}/task", pid);
  const auto threads = list_dir(at_cwd(), tasks);
  if (!threads) return children;
  for (const std::string& thread : *threads) {
    const auto text = read_file(at_cwd(), tasks + "/" + thread + "/children");
    if (!text) continue;  // the thread ended meanwhile
    for (const std::string& word : split(trim(*text), ' '))
      if (!word.empty()) children.push_back(static_cast<pid_t>(TRY(parse_int(word, 1, INT32_MAX))));
  }
  return children;
}

}  // namespace agena::sys
