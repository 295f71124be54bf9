// `run`: from what stage0 has prepared to the pod's exit code.
#pragma once

#include "common/base/result.h"
#include "common/contract/entrypoints.h"

namespace agena::stage1 {

// Runs the pod whose directory is the working directory, in a mount namespace where its roots are mounted.
// Returns the pod's exit code: that of the first app that failed, or 0.
Result<int> supervise(const contract::EntrypointCall& call);

}  // namespace agena::stage1
