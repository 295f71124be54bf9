// Images from registries. Internal to stage0/fetch.
#pragma once

#include "common/base/result.h"
#include "stage0/fetch/fetch_options.h"
#include "stage0/image/importer.h"
#include "stage0/image/reference.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// Whether containers-common's policy, if there is one, lets an image of a registry be used; for images that
// are in the store already, too. kPermission names file and scope.
Result<> check_registry_policy(const Reference& reference, bool waive_signatures);

// The image that a registry has under a reference (kRegistry).
Result<ImageRecord> fetch_from_registry(Store& store, const Reference& reference,
                                        const FetchSettings& settings, const FetchOptions& options,
                                        const ProgressCallback& progress);

}  // namespace agena::stage0
