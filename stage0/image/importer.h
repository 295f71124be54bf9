// Brings images into the store, from local files and, for fetch and registry, from what comes from the
// network: streamed, every size and digest checked while it is unpacked, layers in parallel, present layers
// skipped. On any failure nothing stays.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "manifests/schema/image_manifest.h"
#include "stage0/image/platform.h"
#include "stage0/image/reference.h"
#include "stage0/store/image_record.h"
#include "stage0/store/store.h"
#include "stage0/unpack/byte_source.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

// How far one layer is.
struct LayerProgress {
  enum class State { kWaiting, kPresent, kUnpacking, kUnpacked, kCommitted, kSending };
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

// An ACI that may be committed.
struct AciCandidate {
  std::string id;  // as in ImageRecord
  const schema::ImageManifest& manifest;
};

struct ImportOptions {
  Platform platform = host_platform();
  std::uint64_t max_bytes = kDefaultMaxUnpackedBytes;  // of all layers that are unpacked, without compression
  bool use_cache = true;  // trust that an unchanged file still holds the image it held

  // What the image can be fetched by again, for its record; import_image() finds it out by itself.
  std::string origin = {};

  // The rest is for ACIs only. An error of one of the functions ends the import.
  std::optional<Nanoseconds> import_time = {};  // unset: now
  // Called when a local file has been opened, with its path without symlinks: what is decided by where a file
  // lies is decided for the one that is read.
  std::function<Result<>(const std::string& path)> opened = {};
  // Called with the bytes of the file before anything of it is unpacked; returns the digest that they must
  // turn out to have, or nullopt if that does not matter.
  std::function<Result<std::optional<Digest>>(ByteSource& bytes)> verify = {};
  // Called when the manifest is known, before the image is committed and before its dependencies are looked
  // up (it may bring them into the store); also for an image that is known already. Says who vouches for it.
  std::function<Result<ImageTrust>(const AciCandidate&)> accept = {};
  // Which images of the store may be dependencies that are found by name.
  ImageFilter dependencies = {};
  std::vector<std::string> names = {};  // that the store is to know the image by
};

// The ACI in an open file of `size` bytes, read with pread(2). The name is for messages and progress.
Result<ImageRecord> import_open_aci(Store& store, int fd, std::uint64_t size, const std::string& name,
                                    const ImportOptions& options = {}, const ProgressCallback& progress = {});

// An ACI of the store as its dependencies would have it now: they are found by name, and rendered over anew
// if they are others than before: then it has the trust of the record given here, or none without a filter.
// kNotFound if one is missing.
Result<ImageRecord> refresh_aci(Store& store, const ImageRecord& record,
                                const ImageFilter& dependencies = {});

// Imports what a local reference (is_local()) names and returns its record. kInvalidInput for others.
Result<ImageRecord> import_image(Store& store, const Reference& reference, const ImportOptions& options = {},
                                 const ProgressCallback& progress = {});

}  // namespace agena::stage0
