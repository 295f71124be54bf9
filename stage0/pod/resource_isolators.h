// Flags of resources (`--rlimit`, `--pids-limit`, `--device-*`, `--pod-*`) as isolators.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "manifests/schema/isolator.h"
#include "stage0/pod/resource_request.h"

namespace agena::stage0 {

// Adds to the isolators of an app's image: a resource limit takes the place of that of the same name, rates
// of a device are added to those that the image has for it, the limit of processes replaces. Errors name the
// flag.
Result<> apply_resource_flags(const ResourceFlags& flags, std::vector<schema::Isolator>& isolators);
// The isolators of the pod itself.
Result<std::vector<schema::Isolator>> pod_isolators(const PodResourceFlags& flags);

}  // namespace agena::stage0
