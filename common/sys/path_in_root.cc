#include "common/sys/path_in_root.h"

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::sys {
namespace {

// openat2(2) is retried on EAGAIN: the kernel reports it when a rename raced with resolution of "..".
Result<UniqueFd> open2(DirRef dir, const std::string& path, int flags, mode_t mode, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC));
  how.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode : 0;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  constexpr int kTries = 64;
  for (int i = 0; i < kTries; ++i) {
    UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, dir.get(), path.c_str(), &how, sizeof how)));
    if (fd) return fd;
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return sys_fail("opening '{}'", printable(path));
}

}  // namespace

Result<UniqueFd> open_in_root(DirRef root, const std::string& path, int flags, mode_t mode) {
  return open2(root, path, flags, mode, RESOLVE_IN_ROOT);
}

Result<DirFd> open_dir_in_root(DirRef root, const std::string& path, int flags) {
  UniqueFd fd = TRY(open_in_root(root, path, flags | O_DIRECTORY | O_RDONLY));
  return DirFd(fd.release());
}

Result<UniqueFd> open_beneath(DirRef dir, const std::string& path, int flags, mode_t mode) {
  return open2(dir, path, flags, mode, RESOLVE_BENEATH);
}

Result<UniqueFd> open_beneath_no_symlinks(DirRef dir, const std::string& path, int flags, mode_t mode) {
  return open2(dir, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

namespace {

// The path up to and including each component in turn: "a", "a/b", "a/b/c".
std::vector<std::string> prefixes(const std::string& path) {
  std::vector<std::string> all;
  std::string so_far;
  for (const std::string& part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    so_far += (so_far.empty() ? "" : "/") + part;
    all.push_back(so_far);
  }
  return all;
}

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

Result<DirFd> make_dirs_in_root(DirRef root, const std::string& path, mode_t mode) {
  DirFd current = TRY(open_dir_in_root(root, ".", O_PATH));
  for (const std::string& prefix : prefixes(path)) {
    auto next = open_dir_in_root(root, prefix, O_PATH);
    if (!next && next.error().sys_errno() == ENOENT) {
      TRY(make_dir(current, last_name(prefix), mode));
      next = open_dir_in_root(root, prefix, O_PATH);
    }
    if (!next) return std::unexpected(std::move(next).error());
    current = std::move(*next);
  }
  return current;
}

Result<UniqueFd> make_mount_point(DirRef root, const std::string& path, bool file) {
  auto present = open_in_root(root, path, O_PATH);
  if (present || present.error().sys_errno() != ENOENT) return present;
  if (!file) {
    DirFd dir = TRY(make_dirs_in_root(root, path));
    return UniqueFd(dir.release());
  }
  const std::size_t slash = path.rfind('/');
  const DirFd parent = TRY(make_dirs_in_root(root, slash == std::string::npos ? "." : path.substr(0, slash)));
  // O_EXCL does not follow a dangling symlink in the last place, where a plain O_CREAT would.
  (void)TRY(open_at(parent, last_name(path), O_WRONLY | O_CREAT | O_EXCL, 0644));
  return open_in_root(root, path, O_PATH);
}

}  // namespace agena::sys
