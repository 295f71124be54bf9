// The pod as the fly flavour sees it: one app, and what is mounted into its root.
#pragma once

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "common/contract/entrypoints.h"
#include "common/stage2/pod_app.h"
#include "common/stage2/process_limits.h"
#include "common/sys/fd.h"
#include "common/sys/mount_plan.h"

namespace agena::fly {

struct FlyPod {
  Uuid uuid;
  stage2::DnsMode dns;
  stage2::PodApp app;
  std::vector<stage2::AppMount> mounts;
};

// Refuses options of `run` that promise what this flavour cannot give (--private-users, --mutable), and warns
// about those that it ignores because there is no isolation (--net, --hostname, --ipc).
Result<> check_run_options(const contract::EntrypointCall& call);

// What limits the app takes along (agena/rlimits, os/linux/oom-score-adj; other isolators this flavour
// ignores). One that cannot be had is an error, or with --disable-limits a warning.
Result<stage2::ProcessLimits> fly_limits(const FlyPod& pod, const contract::EntrypointCall& call);

// Reads the pod from its directory. More or fewer than one app, and kernel settings of a pod's own, are
// errors.
Result<FlyPod> load_fly_pod(const sys::DirFd& pod_dir, const contract::EntrypointCall& call);

// What is mounted below the app's root before the user's mounts: the host's /dev, /proc and /sys, a /tmp, the
// network's files. A pure function of the pod.
sys::MountPlan fly_mounts(const FlyPod& pod);
// The user's mounts, in the order of the manifest.
sys::MountPlan fly_user_mounts(const FlyPod& pod);

}  // namespace agena::fly
