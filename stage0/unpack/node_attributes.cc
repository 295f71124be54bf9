#include "stage0/unpack/node_attributes.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/strings.h"
#include "common/sys/fd.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxWarnings = 50;

enum class XattrPolicy { kKeep, kDrop };
struct XattrRow {
  std::string_view name;
  bool prefix;
  XattrPolicy policy;
};
// The first row that fits counts; what fits none is dropped.
constexpr std::array kXattrs = {
    XattrRow{.name = "user.overlay.", .prefix = true, .policy = XattrPolicy::kDrop},
    XattrRow{.name = "user.", .prefix = true, .policy = XattrPolicy::kKeep},
    XattrRow{.name = "security.capability", .prefix = false, .policy = XattrPolicy::kKeep},
    XattrRow{.name = "system.posix_acl_access", .prefix = false, .policy = XattrPolicy::kKeep},
    XattrRow{.name = "system.posix_acl_default", .prefix = false, .policy = XattrPolicy::kKeep},
};

bool keeps(std::string_view name) {
  // A NUL would cut the name short on its way into the kernel, past the rows above.
  if (name.contains('\0') || name.size() > XATTR_NAME_MAX) return false;
  const auto* row = std::ranges::find_if(kXattrs, [&](const XattrRow& r) {
    return r.prefix ? name.starts_with(r.name) && name.size() > r.name.size() : name == r.name;
  });
  return row != kXattrs.end() && row->policy == XattrPolicy::kKeep;
}

// Sets each xattr by a function like setxattr(2). What the file or the file system cannot have is left out
// with a warning, except capabilities, without which a program does not work.
template <class Set>
Result<> set_xattrs(Attributes& attributes, std::string_view shown, Warnings& warnings, Set set) {
  for (auto xattr = attributes.xattrs.begin(); xattr != attributes.xattrs.end();) {
    if (set(*xattr) == 0) {
      ++xattr;
      continue;
    }
    const int failure = errno;
    if ((failure != EPERM && failure != EOPNOTSUPP) || xattr->name == "security.capability")
      return errno_fail(failure, "setting xattr '{}' of '{}'", printable(xattr->name), printable(shown));
    warnings.add(fmt::format("'{}': xattr '{}' is left out: {}", printable(shown), printable(xattr->name),
                             errno_text(failure)));
    xattr = attributes.xattrs.erase(xattr);
  }
  return {};
}

// What a function like listxattr(2) gives, tried with little room first: nearly all files have few xattrs.
template <class Get>
Result<std::string> read_growing(Get get) {
  static_assert(XATTR_LIST_MAX == XATTR_SIZE_MAX);
  std::array<char, 512> small{};
  ssize_t n = get(small.data(), small.size());
  if (n >= 0) return std::string(small.data(), static_cast<std::size_t>(n));
  std::string large(XATTR_LIST_MAX, '\0');
  if (errno == ERANGE) n = get(large.data(), large.size());
  if (n < 0) return sys_fail("reading xattrs");
  large.resize(static_cast<std::size_t>(n));
  return large;
}

timespec to_timespec(Timestamp time) { return {.tv_sec = time.sec, .tv_nsec = static_cast<long>(time.nsec)}; }

// The access time is set to the same, so that trees do not depend on when they were unpacked.
std::array<timespec, 2> both_times(Timestamp time) { return {to_timespec(time), to_timespec(time)}; }

}  // namespace

void Warnings::add(std::string text) {
  if (kept_.size() < kMaxWarnings) {
    kept_.push_back(std::move(text));
  } else {
    ++more_;
  }
}

std::vector<std::string> Warnings::take() {
  if (more_ > 0) kept_.push_back(fmt::format("and {} more warnings", more_));
  more_ = 0;
  return std::exchange(kept_, {});
}

Attributes attributes_of(TarEntry& entry, Warnings& warnings) {
  Attributes attributes{.mode = entry.mode,
                        .uid = entry.uid,
                        .gid = entry.gid,
                        .mtime = {.sec = entry.mtime_sec, .nsec = entry.mtime_nsec},
                        .xattrs = {}};
  for (TarEntry::Xattr& xattr : entry.xattrs) {
    if (keeps(xattr.name)) {
      attributes.xattrs.push_back(std::move(xattr));
    } else {
      warnings.add(fmt::format("'{}': xattr '{}' is left out", printable(entry.path), printable(xattr.name)));
    }
  }
  return attributes;
}

Result<Attributes> attributes_of_fd(int fd) {
  struct stat st{};
  if (::fstat(fd, &st) != 0) return sys_fail("reading attributes");
  Attributes attributes{
      .mode = st.st_mode & 07777U,
      .uid = st.st_uid,
      .gid = st.st_gid,
      .mtime = {.sec = st.st_mtim.tv_sec, .nsec = static_cast<std::uint32_t>(st.st_mtim.tv_nsec)},
      .xattrs = {}};
  // Through /proc because O_PATH descriptors are not good for xattr calls; the link leads to the very inode.
  const std::string path = sys::proc_fd_path(fd);
  const std::string names = TRY(read_growing([&](char* buffer, std::size_t size) {
    const ssize_t n = ::listxattr(path.c_str(), buffer, size);
    return n < 0 && errno == EOPNOTSUPP ? 0 : n;
  }));
  for (const std::string& name : split(names, '\0')) {
    if (!keeps(name)) continue;
    std::string value = TRY(read_growing([&](char* buffer, std::size_t size) {
      return ::getxattr(path.c_str(), name.c_str(), buffer, size);
    }));
    attributes.xattrs.push_back({.name = name, .value = std::move(value)});
  }
  std::ranges::sort(attributes.xattrs, {}, &TarEntry::Xattr::name);
  return attributes;
}

Result<> set_attributes(int fd, Attributes& attributes, std::string_view shown, Warnings& warnings) {
  // To look is cheaper than to set: nearly all files are root's and were made with the mode that they have.
  struct stat st{};
  if (::fstat(fd, &st) != 0) return sys_fail("reading attributes of '{}'", printable(shown));
  const bool owned = st.st_uid == attributes.uid && st.st_gid == attributes.gid;
  if (!owned && ::fchown(fd, attributes.uid, attributes.gid) != 0)
    return sys_fail("setting the owner of '{}'", printable(shown));
  // A change of owner may take mode bits away.
  if ((!owned || (st.st_mode & 07777U) != attributes.mode) && ::fchmod(fd, attributes.mode) != 0)
    return sys_fail("setting the mode of '{}'", printable(shown));
  return set_xattrs(attributes, shown, warnings, [&](const TarEntry::Xattr& xattr) {
    return ::fsetxattr(fd, xattr.name.c_str(), xattr.value.data(), xattr.value.size(), 0);
  });
}

Result<> set_attributes_at(int dir, const std::string& name, bool symlink, Attributes& attributes,
                           std::string_view shown, Warnings& warnings) {
  if (::fchownat(dir, name.c_str(), attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW) != 0)
    return sys_fail("setting the owner of '{}'", printable(shown));
  // The name is no symlink and nobody else can change this directory, so nothing is followed.
  if (!symlink && ::fchmodat(dir, name.c_str(), attributes.mode, 0) != 0)
    return sys_fail("setting the mode of '{}'", printable(shown));
  // There is no lsetxattr relative to a directory before Linux 6.13.
  const std::string path = attributes.xattrs.empty() ? std::string() : sys::proc_fd_path(dir) + "/" + name;
  TRY(set_xattrs(attributes, shown, warnings, [&](const TarEntry::Xattr& xattr) {
    return ::lsetxattr(path.c_str(), xattr.name.c_str(), xattr.value.data(), xattr.value.size(), 0);
  }));
  return set_mtime_at(dir, name, attributes.mtime, shown);
}

Result<> set_mtime(int fd, Timestamp mtime, std::string_view shown) {
  if (::futimens(fd, both_times(mtime).data()) != 0)
    return sys_fail("setting the times of '{}'", printable(shown));
  return {};
}

Result<> set_mtime_at(int dir, const std::string& name, Timestamp mtime, std::string_view shown) {
  if (::utimensat(dir, name.c_str(), both_times(mtime).data(), AT_SYMLINK_NOFOLLOW) != 0)
    return sys_fail("setting the times of '{}'", printable(shown));
  return {};
}

Result<> describe(const Attributes& attributes, int dir, const std::string& name, RecordLine& line) {
  line.mode = attributes.mode;
  line.uid = attributes.uid;
  line.gid = attributes.gid;
  line.xattrs = attributes.xattrs;
  line.mtime_sec = attributes.mtime.sec;
  const bool acl = std::ranges::any_of(
      line.xattrs, [](const TarEntry::Xattr& x) { return x.name.starts_with("system."); });
  if (line.mtime_sec >= 0 && line.mtime_sec <= INT32_MAX && !acl) return {};
  struct stat st{};
  if (::fstatat(dir, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
    return sys_fail("reading attributes of '{}'", printable(name));
  line.mtime_sec = st.st_mtim.tv_sec;
  line.mode = st.st_mode & 07777U;
  return {};
}

}  // namespace agena::stage0
