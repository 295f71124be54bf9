// What the image commands print with --format=json.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/care/image_gc.h"
#include "stage0/care/inspect.h"
#include "stage0/cli/output/json.h"
#include "stage0/image/history.h"

namespace agena::stage0 {

// An array of objects with all that is known of each image; times are nanoseconds.
Result<std::string> image_details_json(const std::vector<ImageDetail>& images, JsonStyle style);
// An array of steps, the last one first.
Result<std::string> history_json(const std::vector<HistoryEntry>& steps, JsonStyle style);
// {"dry_run", "removed": […], "kept": […], "layers", "documents", "bytes", "deferred"}.
Result<std::string> image_gc_json(const ImageGcResult& result, bool dry_run, JsonStyle style);

}  // namespace agena::stage0
