// Processes by pidfd: no signal can reach a stranger that got a recycled pid.
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/fd.h"

namespace agena::sys {

class PidFd : public UniqueFd {
 public:
  using UniqueFd::UniqueFd;
};

// How a process ended.
struct ExitStatus {
  bool signalled = false;
  int value = 0;  // exit code, or number of the signal

  bool success() const { return !signalled && value == 0; }
  // As a shell counts it: the code, or 128 + signal.
  int code() const { return signalled ? 128 + value : value; }
};

// pidfd_open(2); kNotFound if there is no such process.
Result<PidFd> open_pidfd(pid_t pid);
// pidfd_send_signal(2); a process that is gone is fine.
Result<> send_signal(const PidFd& process, int signal);
// Waits until the process ends, at most for the time given (negative: forever); false on time-out. Works for
// any process.
Result<bool> wait_for_end(const PidFd& process, Nanoseconds at_most);
// Reaps a child; the process must be a child of the caller.
Result<ExitStatus> reap(const PidFd& child);

// Pids of the children of a process, from /proc/PID/task/*/children; empty if it has none or is gone.
Result<std::vector<pid_t>> children_of(pid_t pid);

}  // namespace agena::sys
