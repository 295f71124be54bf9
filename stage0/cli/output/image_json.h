// What the image commands print with --format=json.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/care/disk_usage.h"
#include "stage0/care/image_diff.h"
#include "stage0/care/image_gc.h"
#include "stage0/care/inspect.h"
#include "stage0/care/repair.h"
#include "stage0/care/rkt_import.h"
#include "stage0/cli/output/json.h"
#include "stage0/image/history.h"

namespace agena::stage0 {

// An array of objects with all that is known of each image; times are nanoseconds.
Result<std::string> image_details_json(const std::vector<ImageDetail>& images, JsonStyle style);
// An array of steps, the last one first.
Result<std::string> history_json(const std::vector<HistoryEntry>& steps, JsonStyle style);
// {"dry_run", "removed": […], "kept": […], "layers", "documents", "bytes", "deferred"}.
Result<std::string> image_gc_json(const ImageGcResult& result, bool dry_run, JsonStyle style);

// An array of {kind, path, what, before, after}; a path that is not UTF-8 is shown with \xNN, and in
// `path_hex`.
Result<std::string> diff_json(const std::vector<PathChange>& changes, JsonStyle style);
// An object with a member {count, bytes} for each row of `image df`.
Result<std::string> disk_usage_json(const StoreDiskUsage& usage, JsonStyle style);
// An array of {id, name, outcome, error}.
Result<std::string> rkt_import_json(const std::vector<RktImage>& images, JsonStyle style);

// What `image verify` found of an image.
struct VerifiedImage {
  ImageCheck check;
  std::optional<Error> error = {};  // why it is not good (yet)
};
// An array of {id, name, state: "intact", "damaged" or "repaired", layers, documents, repaired_from, error}.
Result<std::string> verify_json(const std::vector<VerifiedImage>& images, JsonStyle style);

}  // namespace agena::stage0
