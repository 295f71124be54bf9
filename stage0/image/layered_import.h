// Imports of images that come in layers: OCI layouts and docker archives. Internal to stage0/image.
#pragma once

#include <string>

#include "common/base/result.h"
#include "stage0/image/importer.h"
#include "stage0/image/reference.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

Result<ImageRecord> import_oci(Store& store, const Reference& reference, const ImportOptions& options,
                               const ProgressCallback& progress);
Result<ImageRecord> import_docker_archive(Store& store, const Reference& reference,
                                          const ImportOptions& options, const ProgressCallback& progress);

}  // namespace agena::stage0
