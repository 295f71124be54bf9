// A layer that was just unpacked. Internal to stage0/image.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/result.h"
#include "stage0/store/store.h"
#include "stage0/unpack/layer_unpacker.h"

namespace agena::stage0 {

struct Unpacked {
  StagedLayer layer;
  UnpackResult result;

  // What is to be committed under a key.
  Store::Commit commit(const LayerKey& key) &&;
};

// Unpacks a blob into a new staging directory, with a tree record and the archive's skeleton; `name` leads
// the warnings in the debug log. The options' record_fd and skeleton_fd are set here.
Result<Unpacked> unpack_staged(const Store& store, ByteSource& blob, UnpackOptions options, const char* name);

}  // namespace agena::stage0
