// Differences between two images, and between an app's root and its image.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/pod/pod.h"
#include "stage0/store/store.h"
#include "stage0/tree/tree_diff.h"

namespace agena::stage0 {

// What one has to do to the root of the first image to get that of the second.
Result<std::vector<PathChange>> diff_images(const Store& store, const ImageRecord& before,
                                            const ImageRecord& after);

// What an app's root has become since it was made of its image: what the app wrote, and what was made for it
// (mount points). The pod may be running. kNotFound if the image of a pod with copied roots is gone.
Result<std::vector<PathChange>> diff_app(const Store& store, const Pod& pod, const std::string& app);

}  // namespace agena::stage0
