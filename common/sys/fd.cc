#include "common/sys/fd.h"

#include <unistd.h>

#include "common/base/strings.h"

namespace agena::sys {

void UniqueFd::reset(int fd) {
  if (fd_ >= 0 && fd_ != fd) {
    const int saved = errno;
    // close(2) releases the descriptor on Linux even when it reports EINTR or EIO; nothing can be retried.
    (void)::close(fd_);
    errno = saved;
  }
  fd_ = fd;
}

Result<UniqueFd> open_at(DirRef dir, const std::string& path, int flags, mode_t mode) {
  while (true) {
    UniqueFd fd(::openat(dir.get(), path.c_str(), flags | O_CLOEXEC, mode));
    if (fd) return fd;
    if (errno != EINTR) return sys_fail("opening '{}'", printable(path));
  }
}

Result<DirFd> open_dir(DirRef dir, const std::string& path, int flags) {
  UniqueFd fd = TRY(open_at(dir, path, flags | O_DIRECTORY | O_RDONLY));
  return DirFd(fd.release());
}

Result<UniqueFd> duplicate(int fd, int lowest) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, lowest));
  if (!copy) return sys_fail("duplicating file descriptor {}", fd);
  return copy;
}

Result<Pipe> make_pipe(int flags) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | flags) != 0) return sys_fail("creating a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<> fill_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number is this one.
    UniqueFd null = TRY(open_at(at_cwd(), "/dev/null", O_RDWR));
    TRY(set_cloexec(null.get(), false));
    (void)null.release();
  }
  return {};
}

Result<> set_cloexec(int fd, bool on) {
  if (::fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) != 0)
    return sys_fail("changing close-on-exec of descriptor {}", fd);
  return {};
}

std::string proc_fd_path(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

}  // namespace agena::sys
