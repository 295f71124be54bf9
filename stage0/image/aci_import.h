// Imports of ACI files (appc 0.8.11, aci.md). Internal to stage0/image.
#pragma once

#include <string>

#include "common/base/result.h"
#include "stage0/image/importer.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// The image in the file at `path`, rendered with its dependencies if it has any.
Result<ImageRecord> import_aci(Store& store, const std::string& path, const ImportOptions& options,
                               const ProgressCallback& progress);

}  // namespace agena::stage0
