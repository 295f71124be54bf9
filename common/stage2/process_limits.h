// Limits that a program takes along by itself, in any flavour and cgroup layout: resource limits and the OOM
// score, from the isolators of its app.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/rlimit.h"
#include "manifests/schema/app.h"

namespace agena::stage2 {

// What a process may set itself to (setrlimit(2), proc_pid_oom_score_adj(5)).
struct LimitRights {
  bool privileged = false;                         // CAP_SYS_RESOURCE: anything
  std::array<std::uint64_t, RLIM_NLIMITS> hard{};  // hard limits, which others can only lower
  int oom_score_adjust = 0;                        // which others can only raise
};

// Of the calling process, whose children have the same.
Result<LimitRights> own_limit_rights();

struct ProcessLimits {
  std::vector<sys::ResourceLimit> limits;
  std::optional<int> oom_score_adjust;
  // One clause for each isolator that cannot be had: "limit nofile=9:9 …". `limits` then has what comes
  // nearest.
  std::vector<std::string> problems;
};

// From the isolators agena/rlimits and os/linux/oom-score-adj. An unknown resource is an error.
Result<ProcessLimits> process_limits(const schema::App& app, const LimitRights& rights);
// Likewise with the rights that the calling process has, or would have in a user namespace: CAP_SYS_RESOURCE
// counts in the initial one only.
Result<ProcessLimits> process_limits(const schema::App& app, bool in_user_namespace = false);

// What `--insecure-options` has for limits that cannot be enforced, as the hint of an error.
inline constexpr const char* kLimitsHint =
    "--insecure-options=limits runs the pod without what cannot be enforced";

}  // namespace agena::stage2
