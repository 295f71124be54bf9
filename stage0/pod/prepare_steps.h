// The part that `prepare` and `run` share: from a request to a pod directory in `prepare`, complete and
// locked. Internal to stage0/pod.
#pragma once

#include <string>
#include <vector>

#include "common/base/phase_timer.h"
#include "common/base/result.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/pod.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

struct Preparation {
  Pod pod;  // in `prepare`, locked
  std::vector<std::string> warnings;
};

// `uuid_file` is written as soon as the pod exists; empty: none. Ends the phases "store", "resolve" and
// "prepare" of `times`. `pods` must outlive the result.
Result<Preparation> prepare_directory(const Engine& engine, const Pods& pods, const PrepareRequest& request,
                                      const std::string& uuid_file, PhaseTimer& times);

}  // namespace agena::stage0
