#include "common/sys/fs.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "common/base/cleanup.h"
#include "common/base/strings.h"

namespace agena::sys {

Result<std::string> read_all(int fd, std::size_t max_bytes) {
  std::string bytes;
  std::array<char, 16384> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): read() fills it
  while (true) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys_fail("reading");
    if (n == 0) return bytes;
    if (bytes.size() + static_cast<std::size_t>(n) > max_bytes)
      return fail(ErrorKind::kInvalidInput, "larger than the limit of {} bytes", max_bytes);
    bytes.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

Result<std::string> read_file(DirRef dir, const std::string& path, std::size_t max_bytes) {
  const UniqueFd fd = TRY(open_at(dir, path, O_RDONLY));
  return TRY_CTX(read_all(fd.get(), max_bytes), "file '{}'", printable(path));
}

Result<> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys_fail("writing");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

namespace {

Result<UniqueFd> create_file(DirRef dir, const std::string& path, int flags, mode_t mode) {
  UniqueFd fd = TRY(open_at(dir, path, O_WRONLY | O_CREAT | flags, mode));
  if (::fchmod(fd.get(), mode) != 0) return sys_fail("setting the mode of '{}'", printable(path));
  return fd;
}

}  // namespace

Result<> write_file(DirRef dir, const std::string& path, std::string_view bytes, mode_t mode) {
  const UniqueFd fd = TRY(create_file(dir, path, O_TRUNC, mode));
  TRY_CTX(write_all(fd.get(), bytes), "file '{}'", printable(path));
  return {};
}

Result<> replace_file(DirRef dir, const std::string& path, std::string_view bytes, mode_t mode,
                      Durability durability) {
  // The pid keeps writers of one file apart; a left-over of a killed process with our pid is overwritten.
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string temporary =
      (slash == std::string::npos ? "" : parent) + fmt::format(".{}.tmp-{}", name, ::getpid());
  Cleanup forget([&]() noexcept { ::unlinkat(dir.get(), temporary.c_str(), 0); });
  {
    const UniqueFd fd = TRY(create_file(dir, temporary, O_TRUNC | O_NOFOLLOW, mode));
    TRY_CTX(write_all(fd.get(), bytes), "file '{}'", printable(path));
    if (durability == Durability::kSync) TRY_CTX(sync_fd(fd.get()), "file '{}'", printable(path));
  }
  TRY(rename_at(dir, temporary, dir, path));
  forget.dismiss();
  if (durability == Durability::kSync) TRY(sync_dir(dir, parent));
  return {};
}

Result<> make_dir(DirRef dir, const std::string& path, mode_t mode) {
  if (::mkdirat(dir.get(), path.c_str(), mode) == 0) {
    // mkdirat applies the umask. Not through a symlink: where others may write, the directory can have been
    // swapped for one by now. By a descriptor, since glibc's fchmodat would go through /proc, which need not
    // be ours where this is called.
    const UniqueFd made(::openat(dir.get(), path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!made || ::fchmod(made.get(), mode) != 0)
      return sys_fail("setting the mode of '{}'", printable(path));
    return {};
  }
  if (errno != EEXIST) return sys_fail("creating directory '{}'", printable(path));
  struct stat st{};
  const bool seen = ::fstatat(dir.get(), path.c_str(), &st, 0) == 0;
  if (seen && S_ISDIR(st.st_mode)) return {};
  // ENOENT: a symlink that leads nowhere.
  if (!seen && errno != ENOENT) return sys_fail("reading attributes of '{}'", printable(path));
  return errno_fail(EEXIST, "creating directory '{}'", printable(path));
}

Result<> make_dirs(DirRef dir, const std::string& path, mode_t mode) {
  for (std::size_t at = path.find_first_not_of('/'); at != std::string::npos;) {
    const std::size_t slash = path.find('/', at);
    TRY(make_dir(dir, path.substr(0, slash), mode));
    at = slash == std::string::npos ? slash : path.find_first_not_of('/', slash);
  }
  return {};
}

Result<> make_symlink(const std::string& target, DirRef dir, const std::string& path) {
  if (::symlinkat(target.c_str(), dir.get(), path.c_str()) == 0) return {};
  if (errno == EEXIST) {
    const auto present = read_link(dir, path);
    if (present && *present == target) return {};
    return errno_fail(EEXIST, "creating symlink '{}'", printable(path));
  }
  return sys_fail("creating symlink '{}'", printable(path));
}

Result<struct stat> stat_at(DirRef dir, const std::string& path, int flags) {
  struct stat st{};
  if (::fstatat(dir.get(), path.c_str(), &st, flags) != 0)
    return sys_fail("reading attributes of '{}'", printable(path));
  return st;
}

Result<bool> exists(DirRef dir, const std::string& path) {
  struct stat st{};
  if (::fstatat(dir.get(), path.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return sys_fail("looking for '{}'", printable(path));
}

Result<std::string> read_link(DirRef dir, const std::string& path) {
  std::array<char, PATH_MAX> buffer{};
  const ssize_t n = ::readlinkat(dir.get(), path.c_str(), buffer.data(), buffer.size());
  if (n < 0) return sys_fail("reading symlink '{}'", printable(path));
  return std::string(buffer.data(), static_cast<std::size_t>(n));
}

Nanoseconds mtime_of(const struct stat& st) { return st.st_mtim.tv_sec * kSecond + st.st_mtim.tv_nsec; }
Nanoseconds ctime_of(const struct stat& st) { return st.st_ctim.tv_sec * kSecond + st.st_ctim.tv_nsec; }

namespace {

struct CloseDir {
  void operator()(DIR* dir) const { (void)::closedir(dir); }
};
using DirStream = std::unique_ptr<DIR, CloseDir>;

Result<DirStream> open_stream(DirFd fd, const std::string& path) {
  DirStream stream(::fdopendir(fd.get()));
  if (!stream) return sys_fail("reading directory '{}'", printable(path));
  (void)fd.release();  // the stream owns it now
  return stream;
}

bool is_dot(const char* name) { return std::string_view(name) == "." || std::string_view(name) == ".."; }

// Calls fn(name, d_type) for each entry.
template <class Fn>
Result<> for_each_entry(DIR* stream, const std::string& path, Fn fn) {
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream);
    if (entry == nullptr) break;
    if (!is_dot(entry->d_name)) TRY(fn(std::string(entry->d_name), entry->d_type));
  }
  if (errno != 0) return sys_fail("reading directory '{}'", printable(path));
  return {};
}

}  // namespace

Result<std::vector<std::string>> list_dir(DirRef dir, const std::string& path) {
  const DirStream stream = TRY(open_stream(TRY(open_dir(dir, path)), path));
  std::vector<std::string> names;
  TRY(for_each_entry(stream.get(), path, [&](std::string name, unsigned char) -> Result<> {
    names.push_back(std::move(name));
    return {};
  }));
  std::ranges::sort(names);
  return names;
}

Result<> remove_file(DirRef dir, const std::string& path) {
  if (::unlinkat(dir.get(), path.c_str(), 0) == 0 || errno == ENOENT) return {};
  return sys_fail("removing '{}'", printable(path));
}

namespace {

// A tree that is being removed. Each level of recursion holds a descriptor, and programs can nest directories
// deeper than there are descriptors; so what lies deeper than kMaxDepth is moved up to the top and removed
// from there in another round.
struct Removal {
  static constexpr int kMaxDepth = 100;
  int top;       // directory that is being emptied
  dev_t device;  // that it lies on
  unsigned moved = 0;
};

Result<> move_to_top(Removal& removal, int dir, const std::string& name) {
  while (true) {
    const std::string to = fmt::format(".removing-{}", removal.moved++);
    if (::renameat2(dir, name.c_str(), removal.top, to.c_str(), RENAME_NOREPLACE) == 0) return {};
    if (errno == ENOENT) return {};
    if (errno != EEXIST) return sys_fail("moving '{}' out of a deep tree", printable(name));
  }
}

Result<> remove_content(DirFd dir, Removal& removal, const std::string& path, int depth) {
  const int fd = dir.get();
  const DirStream stream = TRY(open_stream(std::move(dir), path));
  return for_each_entry(stream.get(), path, [&](const std::string& name, unsigned char type) -> Result<> {
    if (type != DT_DIR && ::unlinkat(fd, name.c_str(), 0) == 0) return {};
    if (type != DT_DIR && errno == ENOENT) return {};
    if (type != DT_DIR && errno != EISDIR)
      return sys_fail("removing '{}/{}'", printable(path), printable(name));
    if (depth >= Removal::kMaxDepth) return move_to_top(removal, fd, name);
    auto child = open_dir(DirRef(fd), name, O_NOFOLLOW);
    if (!child) return std::unexpected(std::move(child).error());
    struct stat st{};
    if (::fstat(child->get(), &st) != 0)
      return sys_fail("reading attributes of '{}/{}'", printable(path), printable(name));
    if (st.st_dev != removal.device)
      return fail(ErrorKind::kBusy, "'{}/{}' is a mount point; not removing what is mounted there",
                  printable(path), printable(name));
    TRY(remove_content(std::move(*child), removal, path + "/" + name, depth + 1));
    if (::unlinkat(fd, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
      return sys_fail("removing '{}/{}'", printable(path), printable(name));
    return {};
  });
}

}  // namespace

Result<> remove_tree(DirRef dir, const std::string& path) {
  struct stat st{};
  if (::fstatat(dir.get(), path.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return sys_fail("removing '{}'", printable(path));
  }
  if (!S_ISDIR(st.st_mode)) return remove_file(dir, path);
  const DirFd top = TRY(open_dir(dir, path, O_NOFOLLOW));
  Removal removal{.top = top.get(), .device = st.st_dev};
  for (unsigned moved_before = 0;; moved_before = removal.moved) {
    TRY(remove_content(TRY(open_dir(top, ".")), removal, path, 0));
    if (removal.moved == moved_before) break;
  }
  if (::unlinkat(dir.get(), path.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return sys_fail("removing '{}'", printable(path));
  return {};
}

Result<> rename_at(DirRef from_dir, const std::string& from, DirRef to_dir, const std::string& to) {
  if (::renameat(from_dir.get(), from.c_str(), to_dir.get(), to.c_str()) == 0) return {};
  return sys_fail("renaming '{}' to '{}'", printable(from), printable(to));
}

Result<> rename_new(DirRef from_dir, const std::string& from, DirRef to_dir, const std::string& to) {
  if (::renameat2(from_dir.get(), from.c_str(), to_dir.get(), to.c_str(), RENAME_NOREPLACE) == 0) return {};
  return sys_fail("renaming '{}' to '{}'", printable(from), printable(to));
}

Result<> sync_fd(int fd) {
  if (::fsync(fd) != 0) return sys_fail("syncing to disk");
  return {};
}

Result<> sync_dir(DirRef dir, const std::string& path) {
  const DirFd fd = TRY(open_dir(dir, path));
  TRY_CTX(sync_fd(fd.get()), "directory '{}'", printable(path));
  return {};
}

Result<> sync_file_system(int fd) {
  if (::syncfs(fd) != 0) return sys_fail("syncing the file system");
  return {};
}

namespace {

Result<std::uint64_t> usage_of(DirRef parent, const std::string& name) {
  const struct stat st = TRY(stat_at(parent, name));
  // A file with n links is met n times; each meeting counts a share, so that the sum counts it once.
  std::uint64_t bytes =
      static_cast<std::uint64_t>(st.st_blocks) * 512U / (S_ISDIR(st.st_mode) ? 1 : st.st_nlink);
  if (!S_ISDIR(st.st_mode)) return bytes;
  DirFd dir = TRY(open_dir(parent, name, O_NOFOLLOW));
  const int fd = dir.get();
  const DirStream stream = TRY(open_stream(std::move(dir), name));
  TRY(for_each_entry(stream.get(), name, [&](const std::string& child, unsigned char) -> Result<> {
    bytes += TRY(usage_of(DirRef(fd), child));
    return {};
  }));
  return bytes;
}

}  // namespace

Result<std::uint64_t> disk_usage(DirRef dir, const std::string& path) { return usage_of(dir, path); }

Result<std::string> path_of_fd(int fd) { return read_link(at_cwd(), proc_fd_path(fd)); }

}  // namespace agena::sys
