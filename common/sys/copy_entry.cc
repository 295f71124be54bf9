#include "common/sys/copy_entry.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::sys {
namespace {

// The kernel's own marks on layers; they mean nothing in a merged tree.
constexpr std::string_view kOverlayPrefix = "trusted.overlay.";

// Path of an entry for the calls that take no directory descriptor. The l- variants of the xattr calls do not
// follow the name itself.
std::string proc_path(const EntryAt& entry) { return proc_fd_path(entry.dir.get()) + "/" + entry.name; }

// Calls read(buffer, size) with a buffer that is large enough; read returns as listxattr(2) does.
template <class Read>
Result<std::string> read_xattr_bytes(Read read, const std::string& what) {
  std::string bytes;
  while (true) {
    const ssize_t size = read(nullptr, 0);
    if (size == 0) return std::string();
    if (size < 0 && (errno == ENOTSUP || errno == ENODATA)) return std::string();
    if (size < 0) return sys_fail("reading extended attributes of '{}'", printable(what));
    bytes.resize(static_cast<std::size_t>(size));
    const ssize_t n = read(bytes.data(), bytes.size());
    if (n < 0 && errno == ERANGE) continue;  // it grew in between
    if (n < 0) return sys_fail("reading extended attributes of '{}'", printable(what));
    bytes.resize(static_cast<std::size_t>(n));
    return bytes;
  }
}

Result<> copy_xattrs(const std::string& from, const std::string& to, const std::string& what) {
  const std::string names = TRY(read_xattr_bytes(
      [&](char* buffer, std::size_t size) { return ::llistxattr(from.c_str(), buffer, size); }, what));
  for (const std::string& name : split(names, '\0')) {
    if (name.empty() || name.starts_with(kOverlayPrefix)) continue;
    const std::string value = TRY(read_xattr_bytes(
        [&](char* buffer, std::size_t size) { return ::lgetxattr(from.c_str(), name.c_str(), buffer, size); },
        what));
    if (::lsetxattr(to.c_str(), name.c_str(), value.data(), value.size(), 0) != 0)
      return sys_fail("setting extended attribute '{}' of '{}'", printable(name), printable(what));
  }
  return {};
}

Result<> set_times(DirRef dir, const std::string& name, const struct stat& st) {
  const std::array times = {st.st_atim, st.st_mtim};
  if (::utimensat(dir.get(), name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0)
    return sys_fail("setting the times of '{}'", printable(name));
  return {};
}

// Copies one stretch of data. copy_file_range shares extents where the file system can; where it cannot copy
// at all, bytes are read and written.
Result<> copy_range(int from, int to, off_t begin, off_t end) {
  while (begin < end) {
    off_t in = begin;
    off_t out = begin;
    ssize_t n = ::copy_file_range(from, &in, to, &out, static_cast<std::size_t>(end - begin), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      std::array<char, 65536> buffer{};
      n = ::pread(from, buffer.data(),
                  std::min<std::size_t>(buffer.size(), static_cast<std::size_t>(end - begin)), begin);
      if (n < 0) return sys_fail("reading");
      if (n == 0) return fail(ErrorKind::kSystem, "file became shorter while it was copied");
      n = ::pwrite(to, buffer.data(), static_cast<std::size_t>(n), begin);
      if (n < 0) return sys_fail("writing");
    }
    begin += n;
  }
  return {};
}

Result<> copy_content(int from, int to, off_t size) {
  if (::ioctl(to, FICLONE, from) == 0) return {};
  for (off_t at = 0; at < size;) {
    const off_t data = ::lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // only a hole is left
    if (data < 0) return sys_fail("looking for data");
    const off_t hole = ::lseek(from, data, SEEK_HOLE);
    if (hole < 0) return sys_fail("looking for the end of data");
    TRY(copy_range(from, to, data, std::min(hole, size)));
    at = hole;
  }
  if (::ftruncate(to, size) != 0) return sys_fail("setting the size");
  return {};
}

Result<> copy_regular(const EntryAt& from, const struct stat& st, const EntryAt& to) {
  const UniqueFd in = TRY(open_at(from.dir, from.name, O_RDONLY | O_NOFOLLOW));
  const UniqueFd out = TRY(open_at(to.dir, to.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  TRY_CTX(copy_content(in.get(), out.get(), st.st_size), "file '{}'", printable(from.name));
  return {};
}

Result<> make_empty_copy(const EntryAt& from, const struct stat& st, const EntryAt& to) {
  if (S_ISREG(st.st_mode)) return copy_regular(from, st, to);
  if (S_ISLNK(st.st_mode)) return make_symlink(TRY(read_link(from.dir, from.name)), to.dir, to.name);
  if (::mknodat(to.dir.get(), to.name.c_str(), (st.st_mode & S_IFMT) | 0600U, st.st_rdev) != 0)
    return sys_fail("creating '{}'", printable(to.name));
  return {};
}

}  // namespace

std::uint32_t OwnerRule::operator()(std::uint32_t id) const {
  return ids == nullptr || ids->contains(id) ? id : ids->on_host(kNobody);
}

Result<> copy_non_directory(const EntryAt& from, const struct stat& st, const EntryAt& to,
                            const OwnerRule& owner) {
  TRY(make_empty_copy(from, st, to));
  // Order: changing the owner clears set-id bits and file capabilities; times come last.
  if (::fchownat(to.dir.get(), to.name.c_str(), owner(st.st_uid), owner(st.st_gid), AT_SYMLINK_NOFOLLOW) != 0)
    return sys_fail("setting the owner of '{}'", printable(to.name));
  if (!S_ISLNK(st.st_mode) && ::fchmodat(to.dir.get(), to.name.c_str(), st.st_mode & 07777U, 0) != 0)
    return sys_fail("setting the mode of '{}'", printable(to.name));
  TRY(copy_xattrs(proc_path(from), proc_path(to), from.name));
  return set_times(to.dir, to.name, st);
}

Result<> copy_directory_attributes(const DirFd& from, const DirFd& to, const OwnerRule& owner) {
  struct stat st{};
  if (::fstat(from.get(), &st) != 0) return sys_fail("reading attributes of a directory");
  if (::fchown(to.get(), owner(st.st_uid), owner(st.st_gid)) != 0)
    return sys_fail("setting the owner of a directory");
  if (::fchmod(to.get(), st.st_mode & 07777U) != 0) return sys_fail("setting the mode of a directory");
  TRY(copy_xattrs(proc_fd_path(from.get()) + "/.", proc_fd_path(to.get()) + "/.", "."));
  const std::array times = {st.st_atim, st.st_mtim};
  if (::futimens(to.get(), times.data()) != 0) return sys_fail("setting the times of a directory");
  return {};
}

Result<> copy_directory(const DirFd& from, const DirFd& to) {
  for (const std::string& name : TRY(list_dir(from))) {
    const struct stat st = TRY(stat_at(from, name));
    if (!S_ISDIR(st.st_mode)) {
      TRY(copy_non_directory({from, name}, st, {to, name}));
      continue;
    }
    constexpr mode_t kPrivate = 0700;
    TRY(make_dir(to, name, kPrivate));
    TRY_CTX(copy_directory(TRY(open_dir(from, name, O_NOFOLLOW)), TRY(open_dir(to, name, O_NOFOLLOW))),
            "directory '{}'", printable(name));
  }
  return copy_directory_attributes(from, to);
}

}  // namespace agena::sys
