// The entrypoint `stop` of the fly flavour.
#pragma once

#include "common/base/result.h"
#include "common/contract/entrypoints.h"

namespace agena::fly {

// In the pod directory: sends the app its stop signal, SIGKILL with --force; when its process is gone, to those
// that it left behind. Does not wait.
Result<int> stop(const contract::EntrypointCall& call);

}  // namespace agena::fly
