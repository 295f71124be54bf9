#include "common/stage2/volumes.h"

#include <linux/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/copy_entry.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"

namespace agena::stage2 {
namespace {

namespace paths = contract::pod_paths;
using schema::Volume;
using schema::VolumeKind;

std::string empty_volume_path(const Volume& volume) {
  return std::string(paths::kSharedVolumes) + "/" + volume.name.str();
}

// Paths that do not start with '/' are in the pod directory.
std::string source_of(const Volume& volume) {
  if (volume.kind == VolumeKind::kEmpty) return empty_volume_path(volume);
  // The mount that stage0 has taken from the host's mount namespace.
  if (volume.propagation == schema::Propagation::kShared)
    return std::string(paths::kSharedMounts) + "/" + volume.name.str();
  return volume.source;
}

sys::Propagation propagation_of(const AppMount& mount) {
  const auto standard = mount.read_only ? schema::Propagation::kPrivate : schema::Propagation::kSlave;
  switch (mount.volume.propagation.value_or(standard)) {
    case schema::Propagation::kPrivate:
      return sys::Propagation::kPrivate;
    case schema::Propagation::kSlave:
      return sys::Propagation::kSlave;
    case schema::Propagation::kShared:
      break;
  }
  return sys::Propagation::kShared;
}

sys::MountOp volume_mount(const AppMount& mount, bool recursive) {
  const Volume& volume = mount.volume;
  const bool host = volume.kind == VolumeKind::kHost;
  sys::MountOp op{.target = mount.path, .source = source_of(volume)};
  op.subject = fmt::format("volume '{}' at '{}'", volume.name.str(), printable(mount.path));
  if (mount.read_only) op.attributes = MOUNT_ATTR_RDONLY;
  if (host) {
    op.recursive = volume.recursive.value_or(recursive);
    op.propagation = propagation_of(mount);
    op.map_ids = volume.map_ids;
  } else {
    op.attributes |= MOUNT_ATTR_NODEV;
  }
  return op;
}

Result<> set_permissions(const sys::DirFd& dir, const Volume& volume) {
  if (::fchown(dir.get(), volume.uid, volume.gid) != 0) return sys_fail("setting the owner");
  // chown clears setuid and setgid bits.
  if (::fchmod(dir.get(), volume.mode) != 0) return sys_fail("setting the mode");
  return {};
}

Result<> fill_volume(const sys::DirFd& dir, const sys::DirFd& app_root, const AppMount& mount) {
  if (mount.with_content) {
    const auto content = sys::open_dir_in_root(app_root, mount.path);
    if (content) return sys::copy_directory(*content, dir);
    if (content.error().sys_errno() != ENOENT) return std::unexpected(content.error());
  }
  return set_permissions(dir, mount.volume);
}

// Under another name until it is complete: a start that ends half-way must not leave a volume without
// content.
Result<> make_volume(const sys::DirFd& pod_dir, const sys::DirFd& app_root, const AppMount& mount) {
  const std::string path = empty_volume_path(mount.volume);
  if (TRY(sys::exists(pod_dir, path))) return {};
  // No volume has a name with a dot.
  const std::string unfinished = path + ".new";
  TRY(sys::make_dir(pod_dir, paths::kSharedVolumes));
  TRY(sys::remove_tree(pod_dir, unfinished));
  TRY(sys::make_dir(pod_dir, unfinished, 0700));
  TRY(fill_volume(TRY(sys::open_dir(pod_dir, unfinished)), app_root, mount));
  return sys::rename_new(pod_dir, unfinished, pod_dir, path);
}

sys::MountOp tmpfs_mount(const schema::TmpfsMount& mount) {
  sys::MountOp op{.kind = sys::MountKind::kFilesystem,
                  .target = mount.path,
                  .type = "tmpfs",
                  .options = {{"mode", fmt::format("{:o}", mount.mode)},
                              {"uid", std::to_string(mount.uid)},
                              {"gid", std::to_string(mount.gid)}},
                  .attributes = MOUNT_ATTR_NODEV,
                  .subject = fmt::format("tmpfs at '{}'", printable(mount.path))};
  if (mount.size) op.options.emplace_back("size", std::to_string(*mount.size));
  if (!mount.exec) op.attributes |= MOUNT_ATTR_NOEXEC;
  if (!mount.suid) op.attributes |= MOUNT_ATTR_NOSUID;
  return op;
}

}  // namespace

sys::MountPlan volume_mounts(const std::vector<AppMount>& mounts, bool recursive) {
  sys::MountPlan plan;
  for (const AppMount& mount : mounts) plan.push_back(volume_mount(mount, recursive));
  return plan;
}

sys::MountPlan tmpfs_mounts(const schema::App& app) {
  sys::MountPlan plan;
  for (const schema::TmpfsMount& mount : tmpfs_mounts_of(app)) plan.push_back(tmpfs_mount(mount));
  return plan;
}

Result<> make_empty_volumes(const sys::DirFd& pod_dir, const sys::DirFd& app_root,
                            const std::vector<AppMount>& mounts) {
  for (const AppMount& mount : mounts)
    if (mount.volume.kind == VolumeKind::kEmpty)
      TRY_CTX(make_volume(pod_dir, app_root, mount), "volume '{}'", mount.volume.name.str());
  return {};
}

std::vector<std::string> implicit_volume_warnings(const std::vector<AppMount>& mounts) {
  std::vector<std::string> warnings;
  for (const AppMount& mount : mounts)
    if (mount.implicit && !mount.with_content)
      warnings.push_back(fmt::format(
          "no volume is given for the mount point '{}': it gets an empty one, '{}', which goes with the pod",
          printable(mount.path), mount.volume.name.str()));
  return warnings;
}

}  // namespace agena::stage2
