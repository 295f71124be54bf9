#include "common/sys/path_in_root.h"

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <iterator>
#include <optional>
#include <vector>

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

// More symlinks than the kernel follows in one path (path_resolution(7)).
constexpr int kMaxLinks = 40;

// The parts of a path that still have to be walked, last first.
void push_parts(std::vector<std::string>& pending, const std::string& path) {
  std::vector<std::string> parts = split(path, '/');
  pending.insert(pending.end(), std::make_move_iterator(parts.rbegin()),
                 std::make_move_iterator(parts.rend()));
}

// Text of the symlink at a path whose parents are none; nothing for anything else, or if nothing is there.
Result<std::optional<std::string>> link_text(DirRef root, const std::string& path) {
  const auto fd = open_beneath_no_symlinks(root, path, O_PATH | O_NOFOLLOW);
  const int error = fd ? 0 : fd.error().sys_errno();
  if (error == ENOENT || error == ENOTDIR) return std::nullopt;
  if (!fd) return std::unexpected(fd.error());
  struct stat st{};
  if (::fstat(fd->get(), &st) != 0) return sys_fail("reading attributes of '{}'", printable(path));
  if (!S_ISLNK(st.st_mode)) return std::nullopt;
  return TRY(read_link(DirRef(fd->get()), ""));
}

std::string last_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace

Result<std::string> resolve_in_root(DirRef root, const std::string& path) {
  std::vector<std::string> pending;
  std::vector<std::string> done;
  push_parts(pending, path);
  for (int links = 0; !pending.empty();) {
    const std::string part = std::move(pending.back());
    pending.pop_back();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!done.empty()) done.pop_back();
      continue;
    }
    done.push_back(part);
    const auto text = TRY(link_text(root, join(done, "/")));
    if (!text) continue;
    if (++links > kMaxLinks) return errno_fail(ELOOP, "resolving '{}'", printable(path));
    done.pop_back();
    if (text->starts_with('/')) done.clear();
    push_parts(pending, *text);
  }
  return join(done, "/");
}

Result<DirFd> make_dirs_in_root(DirRef root, const std::string& path, mode_t mode) {
  auto present = open_dir_in_root(root, path, O_PATH);
  if (present || present.error().sys_errno() != ENOENT) return present;
  DirFd current = TRY(open_dir_in_root(root, ".", O_PATH));
  std::string prefix;
  for (const std::string& part : split(TRY(resolve_in_root(root, path)), '/')) {
    prefix += (prefix.empty() ? "" : "/") + part;
    auto next = open_dir_in_root(root, prefix, O_PATH);
    if (!next && next.error().sys_errno() == ENOENT) {
      TRY(make_dir(current, part, mode));
      next = open_dir_in_root(root, prefix, O_PATH);
    }
    if (!next) return next;
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
  const std::string place = TRY(resolve_in_root(root, path));
  const DirFd parent = TRY(make_dirs_in_root(root, parent_of(place)));
  // O_EXCL does not follow a symlink that came to the place in the meantime.
  (void)TRY(open_at(parent, last_name(place), O_WRONLY | O_CREAT | O_EXCL, 0644));
  return open_in_root(root, place, O_PATH);
}

}  // namespace agena::sys
