// What is mounted in a pod, as plans: pure functions of the pod, tested against golden files.
#pragma once

#include "common/base/result.h"
#include "common/sys/mount_plan.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

// Mounts of the pod's own root: /proc, /sys, /dev. (/run is there already: the supervisor has its sockets in
// it; pod-init attaches cgroup2, which it makes before everything else.)
sys::MountPlan pod_mounts(const Pod& pod);
// Mounts of one app, below opt/stage2/APP/rootfs of the pod's root. `overlay_root` tells whether the app's
// root is a mount already.
Result<sys::MountPlan> app_mounts(const Pod& pod, const PodApp& app, bool overlay_root);

}  // namespace agena::stage1
