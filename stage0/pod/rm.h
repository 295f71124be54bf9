// `rm`: delete one pod now, without grace.
#pragma once

#include "common/base/result.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/pod.h"

namespace agena::stage0 {

// Marks and deletes an ended, prepared or aborted pod. Refuses, with kInvalidInput, one that is running,
// being prepared or being deleted.
Result<> remove_pod(const Engine& engine, Pod& pod);

}  // namespace agena::stage0
