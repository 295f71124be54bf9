// What a user asks of an app's file systems and of the pod's kernel settings, beside volumes and mounts. Part
// of run_request.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "manifests/schema/isolator.h"
#include "manifests/schema/volume.h"

namespace agena::stage0 {

// `--device HOSTPATH[:PATH[:rwm]]`; both paths are absolute.
struct DeviceRequest {
  std::string source;  // a device node, or a directory of them
  std::string target;
  schema::DeviceAccess access;
  bool operator==(const DeviceRequest&) const = default;
};

// Of one app. Of two with one path the last counts.
struct FileSystemRequest {
  std::vector<DeviceRequest> devices;
  std::vector<schema::TmpfsMount> tmpfs;
  bool operator==(const FileSystemRequest&) const = default;
};

// Of the pod.
struct KernelRequest {
  std::optional<std::uint64_t> shm_size;  // bytes
  schema::Sysctls sysctls;
  bool empty() const { return !shm_size && sysctls.values.empty(); }
  bool operator==(const KernelRequest&) const = default;
};

}  // namespace agena::stage0
