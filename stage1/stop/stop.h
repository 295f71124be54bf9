// `stop`: ends a running pod from outside.
#pragma once

#include "common/base/result.h"
#include "common/contract/entrypoints.h"
#include "common/sys/fd.h"

namespace agena::stage1 {

// Asks the supervisor to stop the pod (SIGTERM), or with --force kills its PID 1 and then the supervisor.
// Does not wait.
Result<> stop(const sys::DirFd& pod_dir, const contract::EntrypointCall& call);

}  // namespace agena::stage1
