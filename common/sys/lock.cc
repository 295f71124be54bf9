#include "common/sys/lock.h"

#include <sys/file.h>
#include <time.h>

#include <algorithm>

namespace agena::sys {
namespace {

int operation(LockMode mode) { return mode == LockMode::kShared ? LOCK_SH : LOCK_EX; }

}  // namespace

Result<FileLock> FileLock::wait(UniqueFd fd, LockMode mode) {
  while (::flock(fd.get(), operation(mode)) != 0)
    if (errno != EINTR) return sys_fail("waiting for a lock");
  return FileLock(std::move(fd));
}

Result<FileLock> FileLock::wait_at_most(UniqueFd fd, LockMode mode, Nanoseconds at_most) {
  constexpr Nanoseconds kShortest = kSecond / 5000;
  constexpr Nanoseconds kLongest = kSecond / 50;
  const Nanoseconds deadline = monotonic_now() + at_most;
  for (Nanoseconds pause = kShortest;; pause = std::min(2 * pause, kLongest)) {
    if (::flock(fd.get(), operation(mode) | LOCK_NB) == 0) return FileLock(std::move(fd));
    if (errno != EWOULDBLOCK && errno != EINTR) return sys_fail("taking a lock");
    const Nanoseconds left = deadline - monotonic_now();
    if (left <= 0) return fail(ErrorKind::kBusy, "somebody else holds the lock");
    const timespec time{0, static_cast<long>(std::min(pause, left))};
    (void)::nanosleep(&time, nullptr);
  }
}

Result<std::optional<FileLock>> FileLock::try_now(UniqueFd fd, LockMode mode) {
  while (::flock(fd.get(), operation(mode) | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::optional<FileLock>();
    if (errno != EINTR) return sys_fail("taking a lock");
  }
  return std::optional<FileLock>(FileLock(std::move(fd)));
}

}  // namespace agena::sys
