// Files of an image as a plain directory.
#pragma once

#include <string>

#include "common/base/result.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

struct ExtractRequest {
  std::string directory;     // is made
  std::string data_dir;      // absolute; is never overwritten
  bool only_own = false;     // of an ACI only its own files, without its dependencies and its path whitelist
  bool rootfs_only = false;  // the root itself, not `manifest` and `rootfs/`
  bool overwrite = false;    // what is in the directory's place is replaced
};

// Writes the image's files below a hidden directory beside the one asked for, and renames that into place
// once it is complete and on disk: after a failure, everything is as before. Refuses `/` and whatever holds
// the data directory.
Result<> extract_image(const Store& store, const ImageRecord& record, const ExtractRequest& request);

}  // namespace agena::stage0
