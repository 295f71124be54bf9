// An app of a pod as an image: with what it has written.
#pragma once

#include <string>

#include "common/base/result.h"
#include "stage0/export/image_export.h"
#include "stage0/pod/pod.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// Writes the root of an app (empty: the only one) of a pod that runs or has ended. As an ACI: the whole root,
// with the image's manifest, without its dependencies and whitelist, which the root has in it already. As a
// layered image: the image's own layers, and a new one on top with the changes. Ids of a pod with a user
// namespace come out as those that its apps see. What a running pod writes meanwhile may be in the export or
// not, file by file; the report says so.
Result<ExportReport> export_pod(Store& store, Pod& pod, const std::string& app, const ExportTarget& target,
                                const ExportOptions& options);

}  // namespace agena::stage0
