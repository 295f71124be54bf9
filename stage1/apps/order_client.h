// The entrypoints app-add, app-rm, app-start, app-stop and app-update: each hands one order to the pod's
// supervisor and waits for its answer. They run in the pod directory.
#pragma once

#include "common/base/result.h"
#include "common/contract/entrypoints.h"

namespace agena::stage1 {

Result<int> add_app(const contract::EntrypointCall& call);
Result<int> remove_app(const contract::EntrypointCall& call);
Result<int> start_app(const contract::EntrypointCall& call);
Result<int> stop_app(const contract::EntrypointCall& call);
Result<int> update_app(const contract::EntrypointCall& call);

}  // namespace agena::stage1
