// What is mounted in a pod, as plans: pure functions of the pod, tested against golden files.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/mount_plan.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

// The pod's /proc, writable: for the kernel settings of the pod.
sys::MountPlan proc_mount();
// What else is mounted in the pod's own root: /sys, /dev, protection of /proc. (/run is there already: the
// supervisor has its sockets in it; pod-init attaches cgroup2, which it makes before everything else.)
sys::MountPlan pod_mounts(const Pod& pod);

// What a user has asked to be mounted into an app, in the order of the manifest.
Result<sys::MountPlan> user_mounts(const Pod& pod, const PodApp& app);

// All mounts of one app, for a plan whose target is the app's root and whose second root is the pod's. `user`
// are user_mounts(), ordered by order_by_place(); `hidden` are further directories to hide.
sys::MountPlan app_mounts(const Pod& pod, const PodApp& app, const sys::MountPlan& user,
                          const std::vector<std::string>& hidden);

// Opens the app's root, which has to be a mount for pivot_root(2): an overlay is one, a copied root becomes
// one.
Result<sys::DirFd> open_app_root(const sys::DirFd& root, const PodApp& app, bool overlay);

}  // namespace agena::stage1
