// What a sweep of the store must keep for the sake of pods.
#pragma once

#include <set>
#include <string>

#include "common/base/result.h"
#include "stage0/store/layer_key.h"

namespace agena::stage0 {

// Layers that pods in any phase are made of, from their `layers` files. Complete while the exclusive
// prepareLock is held: pods write that file under the shared one. A file that cannot be read is an error,
// since what it names must not be swept.
Result<std::set<LayerKey>> layers_in_use(const std::string& data_dir);

}  // namespace agena::stage0
