// From an app of the pod to the plans that stage2 carries out in it.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "common/stage2/launch_plan.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

// The plans of an app: the app itself, and its event handlers.
Result<std::vector<stage2::LaunchPlan>> plan_launches(const Pod& pod, const PodApp& app);

}  // namespace agena::stage1
