// Owners of file descriptors. Everything here is close-on-exec.
#pragma once

#include <fcntl.h>

#include <string>
#include <utility>

#include "common/base/result.h"

namespace agena::sys {

// Owns one descriptor; move-only; closing keeps errno.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  // Hands the descriptor over to the caller.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);

 private:
  int fd_ = -1;
};

// A descriptor of a directory (possibly O_PATH).
class DirFd : public UniqueFd {
 public:
  using UniqueFd::UniqueFd;
};

// A pipe; both ends close-on-exec.
struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

// A directory where paths are taken from: DirFd, or the working directory with at_cwd(). Non-owning.
class DirRef {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): a DirFd is usable wherever a directory is asked for.
  DirRef(const DirFd& dir) : fd_(dir.get()) {}
  explicit DirRef(int fd) : fd_(fd) {}
  int get() const { return fd_; }

 private:
  int fd_;
};
// Absolute paths and paths relative to the working directory.
inline DirRef at_cwd() { return DirRef(AT_FDCWD); }

// openat(2) with O_CLOEXEC added.
Result<UniqueFd> open_at(DirRef dir, const std::string& path, int flags, mode_t mode = 0);
// Opens a directory (O_DIRECTORY | O_RDONLY); flags may add O_PATH, O_NOFOLLOW.
Result<DirFd> open_dir(DirRef dir, const std::string& path, int flags = 0);
inline Result<DirFd> open_dir(const std::string& path) { return open_dir(at_cwd(), path); }

// A second descriptor for the same open file, close-on-exec, numbered `lowest` or more.
Result<UniqueFd> duplicate(int fd, int lowest = 3);
Result<Pipe> make_pipe(int flags = 0);
// Opens /dev/null on each of the descriptors 0 to 2 that is closed: the next file that is opened would get
// its number, and be taken for a standard stream.
Result<> fill_standard_streams();
// Sets or clears close-on-exec (cleared: the descriptor is meant to survive an exec).
Result<> set_cloexec(int fd, bool on);
// Path under which the kernel knows the descriptor in this process, "/proc/self/fd/N".
std::string proc_fd_path(int fd);

}  // namespace agena::sys
