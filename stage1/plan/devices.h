// The devices of a pod: what its cgroup's device policy allows. Everything else is closed to it, device nodes
// that an image brings included.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

// What may be done with the devices of one number.
struct DeviceRule {
  char type = 'c';  // 'b' or 'c'
  unsigned major = 0;
  std::optional<unsigned> minor;  // unset: all of the major number
  bool read = false;
  bool write = false;
  bool mknod = false;
  bool operator==(const DeviceRule&) const = default;
};

// "c 1:3 rwm", "c 136:* rw": the kernel's notation (Documentation/admin-guide/cgroup-v1/devices.rst).
std::string to_string(const DeviceRule& rule);

// The pod's rules: the nodes that every /dev has, the devices of --device, and volumes whose source is a
// device node (read-only: r, otherwise rw). Sources are looked up on the host, so call it before the root is
// switched. Each device once.
Result<std::vector<DeviceRule>> devices_of(const Pod& pod);
// Likewise for one app of the pod.
Result<std::vector<DeviceRule>> devices_of(const Pod& pod, const PodApp& app);

}  // namespace agena::stage1
