// ACIs: from local files, from URLs, and by name through discovery; with their signatures. Internal to
// stage0/fetch.
#pragma once

#include "common/base/result.h"
#include "stage0/fetch/fetch_options.h"
#include "stage0/image/importer.h"
#include "stage0/image/reference.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// Any local source, layered images included.
Result<ImageRecord> fetch_local(Store& store, const Reference& reference, const FetchSettings& settings,
                                const FetchOptions& options, const ProgressCallback& progress);
// The ACI behind a URL (kUrl).
Result<ImageRecord> fetch_aci_url(Store& store, const Reference& reference, const FetchSettings& settings,
                                  const FetchOptions& options, const ProgressCallback& progress);
// The ACI that discovery finds for an appc name (kName).
Result<ImageRecord> fetch_by_name(Store& store, const Reference& reference, const FetchSettings& settings,
                                  const FetchOptions& options, const ProgressCallback& progress);

}  // namespace agena::stage0
