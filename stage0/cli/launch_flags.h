// The flags that a pod is started with, as texts: what `run` keeps in the pod, `start` takes again.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/base/options.h"
#include "common/base/result.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

// The flags among these that `run-prepared` has too, and the checks that were waived, as "NAME=VALUE".
std::vector<std::string> launch_flags(std::span<const OptionUse> uses, const InsecureOptions& insecure);

// Kept flags, and those of the line. A flag of the line takes the place of all that were kept under its name.
struct LaunchFlags {
  std::vector<std::string> texts;  // what is to be kept of this start
  std::vector<OptionUse> uses;     // views of `kept` and of the line
  InsecureOptions insecure;
};
// `kept` and `uses` must outlive the result. A kept flag that is not known any more is an error.
Result<LaunchFlags> join_launch_flags(const std::vector<std::string>& kept, std::span<const OptionUse> uses,
                                      const InsecureOptions& insecure);

}  // namespace agena::stage0
