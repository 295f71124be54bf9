// The `attach` entrypoint: joins the caller's standard streams to those of an app.
#pragma once

#include "common/base/result.h"
#include "common/contract/entrypoints.h"

namespace agena::stage1 {

// Runs in the pod directory, until the app has ended or the user leaves.
Result<int> attach(const contract::EntrypointCall& call);

}  // namespace agena::stage1
