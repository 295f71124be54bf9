// The entrypoint `stop` of the fly flavour.
#pragma once

#include "common/base/result.h"
#include "common/contract/entrypoints.h"

namespace agena::fly {

// In the pod directory: sends SIGTERM to the app, SIGKILL with --force; without a pid file, or when that
// process is gone, to its process group. Does not wait.
Result<int> stop(const contract::EntrypointCall& call);

}  // namespace agena::fly
