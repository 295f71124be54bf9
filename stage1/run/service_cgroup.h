// The cgroup of an app's service, below the pod's.
#pragma once

#include <string>

#include "common/sys/fd.h"
#include "common/sys/fs.h"

namespace agena::stage1 {

// While the app runs; "web.service". systemd puts '_' before a name that would look like a file of the kernel
// ("_memory.service").
inline std::string service_cgroup(sys::DirRef pod_cgroup, const std::string& app) {
  const std::string plain = app + ".service";
  const auto escaped = sys::exists(pod_cgroup, "_" + plain);
  return escaped && *escaped ? "_" + plain : plain;
}

}  // namespace agena::stage1
