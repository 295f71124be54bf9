#include "stage0/pod/volume_checks.h"

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

Result<> check_source(const std::string& volume, const std::string& source) {
  const auto st = sys::stat_at(sys::at_cwd(), source, 0);
  if (st) return {};
  if (st.error().kind() != ErrorKind::kNotFound)
    return std::unexpected(Error(st.error()).with_context(fmt::format("volume '{}'", volume)));
  Error error(ErrorKind::kNotFound,
              fmt::format("volume '{}': the host has no '{}'", volume, printable(source)));
  return std::unexpected(
      std::move(error).with_hint("sources of volumes are not created; make it first, or use kind=empty"));
}

Result<> check_volume(const schema::Volume& volume) {
  if (volume.kind != schema::VolumeKind::kHost) return {};
  return check_source(volume.name.str(), volume.source);
}

// What depends on whether the pod has a user namespace of its own.
Result<> check_users_of_volume(const VolumeRequest& volume, bool private_users) {
  if (volume.map_ids && !private_users)
    return fail(ErrorKind::kInvalidInput,
                "volume '{}': idmap maps to the ids of a user namespace, which the pod does not have "
                "(--private-users)",
                volume.name);
  // mount_namespaces(7): what comes into a mount namespace of another user namespace is reduced to a slave.
  if (private_users && volume.propagation == schema::Propagation::kShared)
    return fail(ErrorKind::kUnsupported,
                "volume '{}' cannot be shared: mounts of a pod with --private-users never show on the host",
                volume.name);
  return {};
}

}  // namespace

Result<> check_volumes(const PrepareRequest& request) {
  return check_volumes(request.volumes, request.private_users);
}

Result<> check_volumes(std::span<const VolumeRequest> volumes, bool private_users) {
  for (const VolumeRequest& volume : volumes) {
    TRY(check_users_of_volume(volume, private_users));
    if (volume.kind == VolumeRequest::Kind::kHost) TRY(check_source(volume.name, volume.source));
  }
  return {};
}

Result<> check_volumes(const schema::PodManifest& manifest) {
  for (const schema::Volume& volume : manifest.volumes) TRY(check_volume(volume));
  for (const schema::RuntimeApp& app : manifest.apps)
    for (const schema::Mount& mount : app.mounts)
      if (mount.app_volume) TRY(check_volume(*mount.app_volume));
  return {};
}

}  // namespace agena::stage0
