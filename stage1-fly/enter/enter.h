// The entrypoint `enter` of the fly flavour: runs a command beside the app.
#pragma once

#include "common/base/result.h"
#include "common/contract/entrypoints.h"

namespace agena::fly {

// In the pod directory; the pod runs with the pid of option --pid. On success the process is the command, as
// root in the app's root and environment. Otherwise the exit code of a program that could not be started, or
// an error.
Result<int> enter(const contract::EntrypointCall& call);

}  // namespace agena::fly
