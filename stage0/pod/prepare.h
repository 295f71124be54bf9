// `prepare`: from what the user asked for to a pod directory with all files that stage0 writes. A failure
// leaves an aborted prepare for gc.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/pod.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

struct PreparedPod {
  Uuid uuid;
  std::vector<std::string> warnings;  // for the user, in order
};

// Prepares a pod and leaves it in `prepared`, on disk for good (fsynced).
Result<PreparedPod> prepare_pod(const Engine& engine, const PrepareRequest& request);

}  // namespace agena::stage0
