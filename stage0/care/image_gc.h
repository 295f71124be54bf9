// Collecting images that nobody has used for a while, and what remained of others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "stage0/care/image_users.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// Why an image stays.
enum class ImageKeeper { kRecent, kPod, kDependency };
// "used lately", "used by a pod", "dependency of another image".
std::string_view to_string(ImageKeeper keeper);

struct KeptImage {
  ImageRecord image;
  ImageKeeper keeper;
};

struct ImageGcRequest {
  std::string data_dir;
  Nanoseconds grace_period = 24 * 3600 * kSecond;  // since the last use
  bool dry_run = false;
};

struct ImageGcResult {
  std::vector<ImageRecord> removed;  // or would be, oldest import first
  std::vector<KeptImage> kept;
  SweepReport sweep;
  std::uint64_t partial_bytes = 0;  // of downloads that nobody went on with for the grace period
};

// Forgets the images whose last use is longer ago than the grace period, unless a pod in any state that can
// be named is made of them (as an app's image, its stage1, or an image that those were built on), or an image
// that stays depends on them. Then moves layers and documents that nothing uses any more to the trash and
// deletes it, and partial files that nobody has written to for as long.
Result<ImageGcResult> collect_images(Store& store, const ImageGcRequest& request);

// What collect_images() decides, as a pure function: a keeper for each record, or none.
std::vector<std::optional<ImageKeeper>> choose_kept(const std::vector<ImageRecord>& records,
                                                    const std::vector<PodImages>& pods,
                                                    Nanoseconds grace_period, Nanoseconds now);

}  // namespace agena::stage0
