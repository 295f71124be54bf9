// Unpacks the layers of one image, several at a time, and says what its root is made of. Present layers are
// not read. Internal to stage0/image.
#pragma once

#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/image/formats/layered_image.h"
#include "stage0/image/importer.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// A layer that shows in the image's root.
struct ShownLayer {
  LayerUse use;
  sys::DirFd tree;
  std::optional<Store::Commit> commit = {};  // unless it is in the store
};

// Keys that the layers may get: by diffID, and by chain ID where that becomes necessary.
Result<std::vector<LayerKey>> possible_keys(const std::vector<LayerInput>& inputs);

// The layers of the root, top first: without those that do not show (below one that hides all, or repeated
// further up). The first error of any layer ends all.
Result<std::vector<ShownLayer>> unpack_layers(const Store& store, const std::vector<LayerInput>& inputs,
                                              const ImportOptions& options, const ProgressCallback& progress);

// Threads to use: the CPUs that this process may run on (sched_getaffinity), at most two.
unsigned thread_count();

}  // namespace agena::stage0
