// Stopping an app, for those who remove it as well. Internal to stage0/app.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/time.h"
#include "stage0/app/app_pod.h"

namespace agena::stage0 {

// Returns when the app of a running pod has ended; nothing happens to one that does not run.
Result<> stop_in_pod(AppPod& pod, const std::string& app, std::optional<Nanoseconds> grace);

}  // namespace agena::stage0
