// `enter`: a command in a running pod, in the root of one of its apps or (without an app) in the pod's own
// root.
#pragma once

#include "common/base/result.h"
#include "common/contract/entrypoints.h"

namespace agena::stage1 {

// Runs the command as root with all capabilities and the app's environment; returns its exit code (128 +
// signal).
Result<int> enter(const contract::EntrypointCall& call);

}  // namespace agena::stage1
