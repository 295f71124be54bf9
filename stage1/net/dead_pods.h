// Networks of pods that were killed together with their supervisor, which are there until gc takes them down.
#pragma once

#include <span>

#include "common/sys/fd.h"
#include "manifests/schema/port_map.h"
#include "stage1/net/cni_plugin.h"

namespace agena::stage1 {

// Takes down what is on record of pods in the same data directory that nobody runs: what they forwarded would
// come before the ports of a new pod. `pod_dir` is the new pod's, which has taken `ports` of the host. Pods
// that somebody is just busy with are left to them, but waited for if such a port leads to them still; what
// cannot be taken down is left to gc, which tells the user.
void take_down_networks_of_dead_pods(const sys::DirFd& pod_dir, std::span<const schema::PortMapping> ports,
                                     const PluginControl& control);

}  // namespace agena::stage1
