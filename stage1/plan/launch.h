// From an app of the pod to the plans that stage2 carries out in it.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "common/stage2/launch_plan.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

// The plans of an app: the app itself, and its event handlers.
Result<std::vector<stage2::LaunchPlan>> plan_launches(const Pod& pod, const PodApp& app);
// Capabilities that an app can have at most: rkt's 14, changed by its isolators (retain: exactly the set;
// remove: the default without it). Both kinds together are an error.
Result<sys::CapabilitySet> bounding_set(const schema::App& app);

}  // namespace agena::stage1
