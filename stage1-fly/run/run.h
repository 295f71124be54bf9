// The entrypoint `run` of the fly flavour: sets up the app's root in the private mount namespace and becomes
// the app.
#pragma once

#include "common/base/result.h"
#include "common/contract/entrypoints.h"

namespace agena::fly {

// In the pod directory. On success the process is the app. Otherwise the exit code of a program that could
// not be started (its sentence is printed), or an error of the engine.
Result<int> run(const contract::EntrypointCall& call);

}  // namespace agena::fly
