// `run`, `run-prepared` and `start`: hand a prepared pod over to its stage1. Two steps, so that a front end
// can show the warnings in between: launch_pod()/launch_prepared_pod() do everything up to the exec,
// hand_over() execs.
#pragma once

#include <string>
#include <vector>

#include "common/base/phase_timer.h"
#include "common/base/result.h"
#include "common/base/uuid.h"
#include "common/sys/fd.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/run_request.h"
#include "stage0/stage1_client/stage1_exec.h"

namespace agena::stage0 {

// A pod in `run` whose roots are mounted: one exec away from its life. Destroying it without hand_over()
// frees the lock: the pod then counts as exited.
struct PodLaunch {
  Uuid uuid;
  std::vector<std::string> warnings;  // for the user, in order
  sys::UniqueFd lock;                 // the pod's lock
  Stage1Exec stage1;                  // what to exec
  PhaseTimer times;
};

// `run-prepared` and `start`: a prepared pod, or one that has ended.
struct RunPreparedRequest {
  std::string uuid;  // a unique prefix or a name will do
  LaunchRequest launch;
  InsecureOptions insecure;
  std::vector<std::string> launch_flags = {};  // what is kept for the next start (start_again.h)
};

// Both put this process into a mount namespace of its own (slave of the host's) and mount the pod's roots
// there: nothing becomes visible in the host's namespace, whatever happens. Call them from a process that is
// to become the pod, with one thread.
Result<PodLaunch> launch_pod(const Engine& engine, const RunRequest& request);
Result<PodLaunch> launch_prepared_pod(const Engine& engine, const RunPreparedRequest& request);

// Changes to the pod directory and becomes stage1. Returns only if that failed. Logs the account of phase
// times at debug level.
Error hand_over(PodLaunch launch);

}  // namespace agena::stage0
