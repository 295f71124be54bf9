#include "stage0/tree/overlay_root.h"

#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>

#include "common/base/cleanup.h"
#include "common/sys/copy_entry.h"
#include "common/sys/fs.h"
#include "common/sys/overlay.h"

namespace agena::stage0 {
namespace {

using FsType = decltype(std::declval<struct statfs>().f_type);

// File systems that have all that an upper layer needs: d_type, trusted xattrs, whiteouts, RENAME_WHITEOUT.
// XFS is not among them because old ones lack d_type.
constexpr std::array<FsType, 3> kKnownGood = {EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC};

// Loaded or built in; a module that is only available is found by the trial.
bool kernel_knows_overlay() {
  const auto text = sys::read_file(sys::at_cwd(), "/proc/filesystems");
  return text && text->find("\toverlay\n") != std::string::npos;
}

Result<> try_overlay(const sys::DirFd& scratch) {
  const std::string name = ".overlay-trial";
  Cleanup forget([&]() noexcept { (void)sys::remove_tree(scratch, name); });
  TRY(sys::make_dir(scratch, name, 0700));
  std::array<sys::DirFd, 3> dirs;
  constexpr std::array kNames = {"lower", "upper", "work"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const std::string path = name + "/" + kNames.at(i);
    TRY(sys::make_dir(scratch, path, 0700));
    dirs.at(i) = TRY(sys::open_dir(scratch, path));
  }
  sys::OverlaySpec spec;
  spec.lowers = {dirs.data()};
  spec.upper = &dirs[1];
  spec.work = &dirs[2];
  const auto mount = sys::make_overlay(spec);
  // A kernel that takes layers by path only is not tried out: mounting is what tells there.
  if (!mount && mount.error().kind() == ErrorKind::kUnsupported && mount.error().sys_errno() == 0) return {};
  if (!mount)
    return fail(ErrorKind::kUnsupported, "overlay file systems do not work here: {}",
                mount.error().to_string());
  // The kernel makes the mount read-only if the upper layer's file system lacks what writing needs.
  struct statfs fs{};
  if (::fstatfs(mount->get(), &fs) != 0) return sys_fail("looking at an overlay");
  if ((static_cast<unsigned long>(fs.f_flags) & ST_RDONLY) != 0)
    return fail(ErrorKind::kUnsupported, "overlay file systems are read-only on this file system");
  return {};
}

}  // namespace

Result<> check_overlay_usable(const sys::DirFd& scratch) {
  struct statfs fs{};
  if (::fstatfs(scratch.get(), &fs) != 0) return sys_fail("asking for the file system of the data directory");
  if (std::ranges::find(kKnownGood, fs.f_type) != kKnownGood.end() && kernel_knows_overlay()) return {};
  return try_overlay(scratch);
}

Result<> make_upper(const sys::DirFd& root_attributes, const sys::DirFd& pod, const std::string& upper,
                    const std::string& work, const sys::OwnerRule& owner) {
  TRY(sys::make_dirs(pod, upper));
  TRY(sys::make_dir(pod, work, 0700));
  const sys::DirFd dir = TRY(sys::open_dir(pod, upper));
  return sys::copy_directory_attributes(root_attributes, dir, owner);
}

namespace {

Result<sys::OverlaySpec> spec_of(const OverlayRoot& root) {
  if (root.layers.size() > sys::kMaxOverlayLayers)
    return fail(ErrorKind::kUnsupported, "the root has {} layers; an overlay takes at most {}",
                root.layers.size(), sys::kMaxOverlayLayers);
  sys::OverlaySpec spec;
  for (auto it = root.layers.rbegin(); it != root.layers.rend(); ++it) spec.lowers.push_back(&*it);
  spec.upper = root.upper;
  spec.work = root.work;
  spec.volatile_upper = root.is_volatile;
  spec.selinux_context = root.selinux_context;
  return spec;
}

}  // namespace

Result<sys::UniqueFd> make_overlay_root(const OverlayRoot& root) {
  return sys::make_overlay(TRY(spec_of(root)));
}

Result<sys::UniqueFd> make_mapped_root(const OverlayRoot& root, const MappedLayers& layers) {
  OverlayRoot mapped = root;
  mapped.layers = layers.open();
  auto made = sys::make_overlay(TRY(spec_of(mapped)));
  // Linux 6.13 and 6.14 take descriptors of layers, but none of detached mounts.
  if (!made && made.error().sys_errno() == EINVAL)
    return fail(ErrorKind::kUnsupported, "{}", made.error().message());
  return made;
}

Result<> mount_overlay_root(const OverlayRoot& root, const sys::DirFd& target) {
  return sys::mount_overlay(TRY(spec_of(root)), target);
}

Result<> mount_mapped_root(const OverlayRoot& root, const MappedLayers& layers, const sys::DirFd& target) {
  OverlayRoot mapped = root;
  mapped.layers = layers.open();
  const sys::OverlaySpec spec = TRY(spec_of(mapped));
  auto mounted = sys::mount_overlay(spec, target);
  if (mounted || mounted.error().sys_errno() != EINVAL) return mounted;
  // Linux 6.13 and 6.14 take descriptors of layers, but none of detached mounts.
  return sys::mount_overlay_by_path(spec, target);
}

}  // namespace agena::stage0
