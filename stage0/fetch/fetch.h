// The front door of images: what a user wrote becomes an image in the store, from wherever it may come.
#pragma once

#include "common/base/result.h"
#include "stage0/fetch/fetch_options.h"
#include "stage0/image/importer.h"
#include "stage0/image/reference.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// The image that a reference means. Image ids come from the store; local files and directories are read (one
// that has not changed is known); names, URLs and registry references come from the store or their source, by
// the policy. kNotFound if the policy leaves nowhere to look.
Result<ImageRecord> fetch_image(Store& store, const Reference& reference, const FetchSettings& settings,
                                const FetchOptions& options, const ProgressCallback& progress = {});

}  // namespace agena::stage0
