// `stop`: end a running pod through its stage1.
#pragma once

#include <optional>

#include "common/base/result.h"
#include "common/base/time.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/pod.h"

namespace agena::stage0 {

struct StopRequest {
  bool force = false;  // SIGKILL instead of asking
  // How long an asked pod may take to end; afterwards it is forced. Negative: no limit. 0: does not wait.
  // Unset: 30 seconds, or longer if its apps may take longer.
  std::optional<Nanoseconds> grace = {};
};

enum class StopOutcome {
  kStopped,         // it ended as asked
  kForced,          // it had to be killed, or that was asked for
  kAsked,           // asked, not waited for (grace 0)
  kAlreadyStopped,  // it had ended before
};

// kInvalidInput error for a pod that has never run: 'pod "U" is not running'.
Result<StopOutcome> stop_pod(const Engine& engine, Pod& pod, const StopRequest& request);

}  // namespace agena::stage0
