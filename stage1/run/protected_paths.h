// Kernel files that tell about the host or control it, and how they are kept from apps. Waived by
// --insecure-options=paths.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/mount_plan.h"

namespace agena::stage1 {

// Operations inside an app's root, split by where the app has volumes: `before` them what a volume may lie on
// top of, `after` them everything else, so that a volume which brings a /proc or /sys of the host does not
// bring the protected files with it. `volumes` are the app's, with resolved targets; `more_hidden` are
// further directories to hide (thermal_directories).
struct Protections {
  sys::MountPlan before;
  sys::MountPlan after;
};
Protections protections(const sys::MountPlan& volumes, const std::vector<std::string>& more_hidden);

// What hidden directories show: an empty directory in the pod's root, which pod_mounts() makes.
inline constexpr const char* kHiddenDirectory = "run/hidden";

// Directories of the CPUs that count thermal events, relative to the root; none on most virtual machines.
Result<std::vector<std::string>> thermal_directories();

}  // namespace agena::stage1
