// Roots of more layers than overlayfs can stack. Internal to stage0/image.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "stage0/image/layer_import.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// If there are more layers (top first) than overlayfs stacks, merges the lowest ones into one. The merged
// ones are not committed: only the result is part of the root.
Result<> merge_excess_layers(const Store& store, std::vector<ShownLayer>& layers);

}  // namespace agena::stage0
