// The device policy of a pod: what its processes may open and make nodes of, whatever capabilities they have.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage1/plan/devices.h"

namespace agena::stage1 {

class DevicePolicy {
 public:
  // Attaches a program to a v2 cgroup that lets its processes, and those of cgroups below it, use just the
  // devices of the rules; other accesses fail with EPERM. The kernel drops it with the cgroup. The v2
  // hierarchy needs no controller for it, so it works in the hybrid layout too.
  static Result<DevicePolicy> attach(const sys::DirFd& cgroup, const std::vector<DeviceRule>& rules);
  // Allows these devices besides, in place of those that an earlier call has allowed.
  Result<> allow(const sys::DirFd& cgroup, const std::vector<DeviceRule>& more);

 private:
  sys::UniqueFd program_;
  std::vector<DeviceRule> own_;    // as it was attached
  std::vector<DeviceRule> rules_;  // as they are
};

}  // namespace agena::stage1
