// Ending a pod's PID 1 without waiting for the kernel's inotify clean-up.
#pragma once

#include "common/sys/fd.h"
#include "common/sys/pidfd.h"

namespace agena::stage1 {

// Holds references to the inotify descriptors of a process that is about to be killed.
//
// Closing the last reference of an inotify instance waits for an SRCU grace period (fsnotify_destroy_group),
// 25 to 35 ms for the three of systemd, and a dying process does that before it can be reaped. A second
// reference, taken by pidfd_getfd(2), moves the last close to us; ours are registered as fixed files of an
// io_uring, whose files the kernel drops in a worker of its own after the ring is closed, so that nobody
// waits. Only references are held: nothing is read or written.
//
// Where the kernel refuses any of it (io_uring disabled, no permission), nothing is taken, and the end just
// takes longer.
class QuickEnd {
 public:
  // Takes the references; to be called right before the kill.
  static QuickEnd take(const sys::PidFd& process, pid_t pid);
  // Whether references are held (for tests and --debug).
  bool active() const { return static_cast<bool>(ring_); }

 private:
  sys::UniqueFd ring_;
};

}  // namespace agena::stage1
