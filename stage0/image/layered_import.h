// Imports of images that come in layers: OCI layouts, docker archives, and whoever else has a LayeredImage.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/image/formats/layered_image.h"
#include "stage0/image/importer.h"
#include "stage0/image/reference.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// Unpacks the layers that the store does not have, several at a time, and commits the image under its names.
Result<ImageRecord> import_layered(Store& store, const LayeredImage& image, const ImportOptions& options,
                                   const ProgressCallback& progress);
// An image that is in the store, under the names that it has in its source now. nullopt if it was removed
// meanwhile and its layers swept.
Result<std::optional<ImageRecord>> reuse_image(Store& store, ImageRecord record,
                                               const std::vector<std::string>& names);

Result<ImageRecord> import_oci(Store& store, const Reference& reference, const ImportOptions& options,
                               const ProgressCallback& progress);
Result<ImageRecord> import_docker_archive(Store& store, const Reference& reference,
                                          const ImportOptions& options, const ProgressCallback& progress);

}  // namespace agena::stage0
