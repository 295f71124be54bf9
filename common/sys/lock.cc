#include "common/sys/lock.h"

#include <sys/file.h>

namespace agena::sys {
namespace {

int operation(LockMode mode) { return mode == LockMode::kShared ? LOCK_SH : LOCK_EX; }

}  // namespace

Result<FileLock> FileLock::wait(UniqueFd fd, LockMode mode) {
  while (::flock(fd.get(), operation(mode)) != 0)
    if (errno != EINTR) return sys_fail("waiting for a lock");
  return FileLock(std::move(fd));
}

Result<std::optional<FileLock>> FileLock::try_now(UniqueFd fd, LockMode mode) {
  while (::flock(fd.get(), operation(mode) | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::optional<FileLock>();
    if (errno != EINTR) return sys_fail("taking a lock");
  }
  return std::optional<FileLock>(FileLock(std::move(fd)));
}

}  // namespace agena::sys
