// The entrypoint `gc` of the fly flavour.
#pragma once

#include "common/base/result.h"
#include "common/contract/entrypoints.h"

namespace agena::fly {

// In the directory of a dead pod, with nothing mounted. Fly's mounts went with its mount namespace, and it
// has neither networks nor cgroups, so there is nothing to free.
Result<int> collect_garbage(const contract::EntrypointCall& call);

}  // namespace agena::fly
