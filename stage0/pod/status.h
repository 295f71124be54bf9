// `status`: one pod, and waiting for it.
#pragma once

#include <sys/types.h>

#include <optional>

#include "common/base/result.h"
#include "common/base/time.h"
#include "stage0/pod/pod_info.h"

namespace agena::stage0 {

struct PodStatus {
  PodInfo info;
  std::optional<pid_t> pid;  // what the files `pid` or `ppid` say, also of an ended pod (as rkt prints it)
  bool exited = false;       // the pod has run and ended
};

Result<PodStatus> read_pod_status(Pod& pod);

enum class WaitFor {
  kFinished,  // the pod has ended (or was never started and is gone or being deleted)
  kReady,     // its apps may be managed: rkt/supervisor-status is `ready`
};

// Waits without polling where the kernel tells. True when it came to that; false when the timeout passed
// (nullopt: no limit). A pod that ended, waited for to become ready, is an error.
Result<bool> wait_for_pod(Pod& pod, WaitFor what, std::optional<Nanoseconds> timeout);

}  // namespace agena::stage0
