// `gc`: frees what an ended pod may have left outside its directory.
#pragma once

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "common/sys/fd.h"

namespace agena::stage1 {

// Removes the pod's cgroup, with whatever a killed supervisor left in it, its networks, and its entry with
// systemd-machined. Works with nothing mounted, and twice. `debug` is handed on.
Result<> collect_garbage(const sys::DirFd& pod_dir, const Uuid& uuid, bool debug);

}  // namespace agena::stage1
