// What an image may say of its app's confinement: by itself it only narrows what every app gets. Whoever runs
// it may give more, by flags or a manifest of his own (docs/adr/0033-isolators-of-images.md).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "manifests/schema/isolator.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/run_request.h"
#include "stage0/store/image_record.h"

namespace agena::stage0 {

// What an app gets from the process that starts its pod.
struct CallerLimits {
  std::int64_t oom_score_adjust = 0;
  // Hard limits by RLIMIT_ constant; one that is missing is unlimited.
  std::map<int, std::uint64_t> hard = {};
};
// Those of this process.
Result<CallerLimits> caller_limits();

struct NarrowedIsolators {
  std::vector<schema::Isolator> isolators;
  // One for each isolator that is dropped or cut, with the flag that gives it.
  std::vector<std::string> warnings;
};
// An image's isolators without what goes beyond the defaults. Of kinds that the app's flags replace nothing
// is said.
Result<NarrowedIsolators> narrow_isolators(const std::vector<schema::Isolator>& isolators,
                                           const AppRequest& app, const CallerLimits& caller);

// Whether an image's isolators count as they are: a trusted key has signed it or it belongs to the
// installation, images must be signed (rkt's rule goes with that), or the user said so.
bool isolators_count(const ImageRecord& image, const Engine& engine, const InsecureOptions& insecure);

// The image with the isolators that it gets for an app; prints the warnings.
Result<ImageRecord> with_allowed_isolators(ImageRecord image, const AppRequest& app, const Engine& engine,
                                           const InsecureOptions& insecure);

}  // namespace agena::stage0
