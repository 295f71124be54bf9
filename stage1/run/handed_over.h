// What stage0 hands over to `run`: the pod's lock, the time at which it began, and the mounted roots.
#pragma once

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/fd.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

// The lock lives as long as we do, and only in us: a process of the pod that outlived us must not hold it.
Result<> keep_lock();
// When stage0 began (CLOCK_MONOTONIC); 0 if it does not say.
Nanoseconds start_of_run();
// The root of stage1. A copied one is a plain directory, which pivot_root(2) does not take: it becomes a
// mount, as it is already if the pod has a user namespace of its own.
Result<sys::DirFd> open_root(const sys::DirFd& pod_dir, const Pod& pod);

}  // namespace agena::stage1
