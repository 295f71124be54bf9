// pod-init: the first program in the pod's namespaces. Sets up the pod's root and becomes systemd.
#pragma once

#include "common/base/result.h"
#include "common/contract/entrypoints.h"

namespace agena::stage1 {

// Descriptor on which pod-init talks to the supervisor.
inline constexpr int kInitChannel = 3;
// What it says there once its cgroup2 mount exists.
inline constexpr char kCgroupReady = 'c';
// What the supervisor says there once the pod's networks exist (only if it has any) is a text:
// render_network_facts().
// Descriptor of the trace, if there is one.
inline constexpr int kInitTrace = 4;

// Runs in the pod directory with the same arguments as `run`. Returns only on failure.
Result<> run_pod_init(const contract::EntrypointCall& call);

}  // namespace agena::stage1
