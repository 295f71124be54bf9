// Volumes are looked at before a pod is made or moved, so that a mistake costs nothing.
#pragma once

#include <span>

#include "common/base/result.h"
#include "manifests/schema/pod_manifest.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

// Whether the sources of all host volumes are there (they may still go away: stage1 says the same then), and
// volumes suit the pod's users; the error names the volume and the path.
Result<> check_volumes(const PrepareRequest& request);
Result<> check_volumes(std::span<const VolumeRequest> volumes, bool private_users);
Result<> check_volumes(const schema::PodManifest& manifest);

}  // namespace agena::stage0
