// Images of the store to registries.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "stage0/image/importer.h"
#include "stage0/registry/registry_access.h"
#include "stage0/store/store.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

struct PushTarget {
  std::string domain;      // "localhost:5000"
  std::string repository;  // "team/app"
  std::string tag;
};

struct PushReport {
  Digest digest;  // of the manifest
  // For the user: layers whose exact archive is lost.
  std::vector<std::string> notes;
};

// Pushes an image. Without a compression asked for, layers that the registry has as the image's own manifest
// lists them are taken from there; if it has them all, that manifest is put under the tag, with its digest.
// Other layers are compressed (by gzip by default) and sent unless they are there, and the image gets a new
// manifest, with its own config.
Result<PushReport> push_image(const Store& store, const ImageRecord& record, const PushTarget& target,
                              std::optional<Compression> compression, RegistryAccess& access,
                              const ProgressCallback& progress);

}  // namespace agena::stage0
