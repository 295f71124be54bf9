// Host volumes are looked up before a pod is made or moved, so that a wrong path costs nothing.
#pragma once

#include "common/base/result.h"
#include "manifests/schema/pod_manifest.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

// Whether the sources of all host volumes are there; the error names the volume and the path. (They may still
// go away: stage1 says the same then.)
Result<> check_volume_sources(const PrepareRequest& request);
Result<> check_volume_sources(const schema::PodManifest& manifest);

}  // namespace agena::stage0
