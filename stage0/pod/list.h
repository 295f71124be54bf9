// `list`: all pods in the phases that a user can name.
#pragma once

#include <vector>

#include "common/base/result.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/pod_info.h"

namespace agena::stage0 {

// Pods ordered by UUID; a broken one is in the list too, with its PodInfo::problems. An unreadable data
// directory is an error, a missing one an empty list.
Result<std::vector<PodInfo>> list_pods(const Engine& engine, const PodInfoOptions& options = {});

}  // namespace agena::stage0
