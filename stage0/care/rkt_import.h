// Images out of the store of the Go program rkt: its blobs are uncompressed ACIs, named by their image ids.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/image/importer.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

struct RktImage {
  enum class Outcome { kImported, kPresent, kFailed };
  std::string id;    // rkt's key of the blob, or the name of a file that is none
  std::string name;  // "name:version", if it is known
  Outcome outcome = Outcome::kFailed;
  std::optional<Error> error = {};  // why it was left out
};
// "imported", "present", "failed".
std::string_view to_string(RktImage::Outcome outcome);

// Imports all images of a rkt store (its data directory, or the `cas` in it), images before those that depend
// on them. The bytes must be those that the key says. Import times are the times of the blobs. Images that
// are in the store already are passed over, broken ones left out. Nothing is written to rkt's store.
// `tell` is called after each image.
Result<std::vector<RktImage>> import_rkt_store(Store& store, const std::string& directory,
                                               const std::function<void(const RktImage&)>& tell,
                                               const ProgressCallback& progress = {});

}  // namespace agena::stage0
