// Networks of pods that were killed together with their supervisor, which are there until gc takes them down.
#pragma once

#include "common/sys/fd.h"

namespace agena::stage1 {

// Takes down what is on record of pods in the same data directory that nobody runs: what they forwarded would
// come before the ports of a new pod. `pod_dir` is the new pod's. Pods that somebody is just busy with are
// left to them, and what cannot be taken down to gc, which tells the user.
void take_down_networks_of_dead_pods(const sys::DirFd& pod_dir);

}  // namespace agena::stage1
