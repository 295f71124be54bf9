// Deleting a pod directory for good: the common end of `gc` and `rm`.
#pragma once

#include "common/base/result.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/pod.h"

namespace agena::stage0 {

// Deletes a pod that this process has locked, in exited-garbage or garbage. Of a pod that has run, stage1's
// gc entrypoint gives back what lies outside (networks, cgroups); its failure is added to `errors`, with the
// pod's name, and does not keep the pod. stage1/rootfs goes first and the directory itself last, so a pass
// that was interrupted can be repeated.
Result<> delete_pod(const Engine& engine, const Pods& pods, const Pod& pod, ErrorList& errors);

// Calls stage1's `gc` for a pod that has run, in its directory, wherever that is; the caller holds the lock.
Result<> call_gc_entrypoint(const Engine& engine, const Pod& pod, std::optional<Nanoseconds> at_most = {});

}  // namespace agena::stage0
