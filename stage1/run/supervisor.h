// `run`: the pod's supervisor. Starts pod-init in the pod's namespaces and cgroup, carries the apps' output,
// records their ends, and ends with the pod's exit code.
#pragma once

#include "common/base/result.h"
#include "common/contract/entrypoints.h"

namespace agena::stage1 {

// Runs the pod whose directory is the working directory, in a mount namespace where its roots are mounted.
// Returns the pod's exit code: that of the first app that failed, or 0.
Result<int> supervise(const contract::EntrypointCall& call);

}  // namespace agena::stage1
