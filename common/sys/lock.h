// flock(2) locks: the visible protocol of pod states and of the store. A lock belongs to the open file and is
// freed by the kernel when the last descriptor of it closes, however the holder dies.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/fd.h"

namespace agena::sys {

enum class LockMode { kShared, kExclusive };

// Holds a lock for as long as it lives.
class FileLock {
 public:
  // Waits for the lock. The file or directory is opened by its own descriptor.
  static Result<FileLock> wait(UniqueFd fd, LockMode mode);
  // The same for a limited time; kBusy when it has passed. Looks again and again, so it is for locks that are
  // seldom held.
  static Result<FileLock> wait_at_most(UniqueFd fd, LockMode mode, Nanoseconds at_most);
  // nullopt if somebody holds a conflicting lock.
  static Result<std::optional<FileLock>> try_now(UniqueFd fd, LockMode mode);

  int fd() const { return fd_.get(); }
  // Hands over the locked descriptor (the lock stays until it is closed).
  [[nodiscard]] UniqueFd take() { return std::move(fd_); }

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace agena::sys
