// Resolving what a request names to image records, and the pod manifest that follows from them. Internal to
// stage0/pod.
#pragma once

#include <span>
#include <vector>

#include "common/base/result.h"
#include "manifests/schema/pod_manifest.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/roots.h"
#include "stage0/pod/run_request.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

struct ImageChoice {
  ImageRecord stage1;
  std::vector<ImageRecord> apps;  // apps[i] is the image of manifest.apps[i]
  schema::PodManifest manifest;
};

// Finds or imports all images of a request. May take long; holds no lock.
Result<ImageChoice> choose_images(Store& store, const Engine& engine, const PrepareRequest& request);

// Where the images of a request may come from; see FetchOptions.
struct ImageSources {
  PullPolicy policy = PullPolicy::kNew;
  InsecureOptions insecure = {};
  Platform platform = host_platform();
  std::uint64_t max_bytes = kDefaultMaxUnpackedBytes;
};
// Finds, imports or fetches the image of one app.
Result<ImageRecord> find_app_image(Store& store, const Engine& engine, const AppRequest& app,
                                   const ImageSources& from);
// Whether every layer is in the store.
Result<bool> all_present(const Store& store, std::span<const LayerKey> layers);

// What the root of an image is made of.
Result<RootSource> root_source(const ImageRecord& image);
// The roots that follow from the choice.
Result<PodSources> sources_of(const ImageChoice& choice);

}  // namespace agena::stage0
