// Volumes with propagation=shared. A mount namespace of the pod's own gets slaves of the host's mounts, which
// show nothing to the host; so a copy of the source's mount, which is its peer, is taken before the namespace
// is made, and attached in the pod directory afterwards.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "manifests/schema/pod_manifest.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

struct SharedVolume {
  std::string name;
  sys::UniqueFd mount;  // detached
};

// In the caller's mount namespace. A source that is not on a shared mount is an error.
Result<std::vector<SharedVolume>> open_shared_volumes(const PrepareRequest& request);
Result<std::vector<SharedVolume>> open_shared_volumes(const schema::PodManifest& manifest);

// In the pod's mount namespace: at sharedMounts/VOL, where stage1 finds them.
Result<> attach_shared_volumes(const sys::DirFd& pod, const std::vector<SharedVolume>& volumes);

}  // namespace agena::stage0
