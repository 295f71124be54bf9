// From what the user asked for and the images' records to the pod manifest. Pure: reads no files, knows no
// store; the caller's environment is handed in.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "manifests/schema/pod_manifest.h"
#include "stage0/pod/run_request.h"
#include "stage0/store/image_record.h"

namespace agena::stage0 {

// What the manifest takes over from the caller.
struct CallerFacts {
  std::vector<NameValue> environment;  // for --inherit-env
  std::uint32_t uid = 0;               // for --exec of an image without an app section
  std::uint32_t gid = 0;
};

// The pod manifest for the apps of a request; images[i] belongs to request.apps[i]. Errors name the app or
// the image and the flag.
Result<schema::PodManifest> build_pod_manifest(const PrepareRequest& request,
                                               std::span<const ImageRecord> images,
                                               const CallerFacts& caller);

// Checks a manifest that the user wrote (--pod-manifest): there are apps, mounts find their volumes, every
// app has something to run. images[i] belongs to manifest.apps[i].
Result<> check_given_manifest(const schema::PodManifest& manifest, std::span<const ImageRecord> images);

}  // namespace agena::stage0
