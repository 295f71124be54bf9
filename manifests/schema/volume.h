// Volumes of a pod, the mount points of an image, and the mounts that join them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "manifests/schema/ac_name.h"
#include "manifests/schema/extra.h"

namespace agena::schema {

// A path of the image where it expects a volume.
struct MountPoint {
  AcName name;
  std::string path = {};  // absolute, inside the app's root
  bool read_only = false;
  Extra extra = {};
  bool operator==(const MountPoint&) const = default;
};

enum class VolumeKind {
  kHost,   // a path of the host
  kEmpty,  // a new directory that lives and dies with the pod
};

// Whether file systems that are mounted later below a host volume's source show in the app, and those that
// the app mounts there on the host (mount_namespaces(7)).
enum class Propagation {
  kPrivate,  // neither
  kSlave,    // the host's show in the app
  kShared,   // both ways
};

// What an app may do with device nodes: open them for reading or writing, and make nodes of the same number.
struct DeviceAccess {
  bool read = false;
  bool write = false;
  bool mknod = false;
  bool operator==(const DeviceAccess&) const = default;
};

// A volume of the pod.
struct Volume {
  AcName name;
  VolumeKind kind = VolumeKind::kEmpty;
  std::string source = {};             // kHost only: absolute path on the host
  std::optional<bool> read_only = {};  // unset: the mount point decides
  std::optional<bool> recursive = {};  // unset: true
  // kHost only. Unset: kPrivate for a read-only mount, otherwise kSlave.
  std::optional<Propagation> propagation = {};
  // kHost only: in a pod with a user namespace of its own, files show the ids that they have on the host.
  bool map_ids = false;
  // Permissions and owner of the directory; kEmpty only.
  std::uint32_t mode = 0755;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  // kHost only, and only in volumes that a user gave: the source is a device node, or a directory of them,
  // that the app may use so. Unset: a device node may be read and, unless read_only, written.
  std::optional<DeviceAccess> device_access = {};
  Extra extra = {};
  bool operator==(const Volume&) const = default;
};

// A volume mounted into an app.
struct Mount {
  AcName volume;
  std::string path = {};  // absolute, inside the app's root
  std::optional<Volume>
      app_volume;  // a volume of this app alone; `volume` need not be in the pod's list then
  Extra extra = {};
  bool operator==(const Mount&) const = default;
};

}  // namespace agena::schema
