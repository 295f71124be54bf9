// Brings images from local sources into the store: streamed, every size and digest checked while it is
// unpacked, layers in parallel, present layers skipped. On any failure nothing stays.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/base/result.h"
#include "stage0/image/platform.h"
#include "stage0/image/reference.h"
#include "stage0/store/image_record.h"
#include "stage0/store/store.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

// How far one layer is.
struct LayerProgress {
  enum class State { kWaiting, kPresent, kUnpacking, kUnpacked, kCommitted };
  std::size_t index = 0;  // from the bottom
  std::size_t count = 0;  // layers of the image
  std::string name;       // digest of the blob, or the file's name (ACI)
  State state = State::kWaiting;
  std::uint64_t done = 0;   // compressed bytes read
  std::uint64_t total = 0;  // compressed bytes in all
};
// Called for one layer at a time (never from two threads at once), on every change of state and some ten
// times a second in between.
using ProgressCallback = std::function<void(const LayerProgress&)>;

struct ImportOptions {
  Platform platform = host_platform();
  std::uint64_t max_bytes = kDefaultMaxUnpackedBytes;  // of all layers that are unpacked, without compression
  unsigned threads = 0;   // layers unpacked at a time; 0: as many as CPUs may be used, at most two
  bool use_cache = true;  // trust that an unchanged file still holds the image it held
};

// Imports what a local reference (is_local()) names and returns its record. kInvalidInput for others.
Result<ImageRecord> import_image(Store& store, const Reference& reference, const ImportOptions& options = {},
                                 const ProgressCallback& progress = {});

}  // namespace agena::stage0
