// Starting a pod in the background: in a session of its own, with nobody's streams, so that it outlives the
// caller, its terminal and its login session.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/run.h"

namespace agena::stage0 {

struct DetachedPod {
  Uuid uuid;
  std::vector<std::string> warnings;  // for the user, in order
};

// Becomes the pod in a copy of this process, which therefore must have one thread, and returns when the pod
// is ready. `launch` (launch_pod() or launch_prepared_pod()) runs in that copy, whose descriptors are all
// closed and whose streams are /dev/null; what it and stage1 print on standard error until then becomes part
// of the error. A pod that is not ready in time is killed, and the error is kBusy.
Result<DetachedPod> launch_detached(const Engine& engine, const std::function<Result<PodLaunch>()>& launch,
                                    Nanoseconds timeout);

}  // namespace agena::stage0
