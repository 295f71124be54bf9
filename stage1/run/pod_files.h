// Files that stage1 writes into the pod's root before systemd starts: identity, hosts, units, launch plans,
// environment.
#pragma once

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

// Writes them below `root`, the stage1 root. /run must be mounted there already.
Result<> write_pod_files(const sys::DirFd& root, const Pod& pod);

}  // namespace agena::stage1
