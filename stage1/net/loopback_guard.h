// Connections from 127.0.0.0/8 into pods. They take route_localnet on the host's side of a network, which
// also lets pods send packets to what listens on the host's loopback alone. A pod's own rules keep such
// packets out while it runs; on a bridge, which outlives the pod with its setting, a table `agena-local` does
// so for as long as the setting is there, and both go with the last pod.
#pragma once

#include "common/base/result.h"
#include "common/sys/netlink.h"
#include "stage1/net/pod_rules.h"

namespace agena::stage1 {

// Lets connections from 127.0.0.0/8 be forwarded to the target: sets route_localnet of the interface on the
// host's side, if it is one that leads to pods alone (veth, bridge), in this thread's network namespace. Not
// of a bridge where the kernel has no nf_tables.
Result<> route_local_addresses(const ForwardTarget& target);

// To be called when the rules of a pod were removed: if no other pod has rules, bridges lose the setting, and
// then their guard.
Result<> end_loopback_guard(sys::NetlinkSocket& socket);

}  // namespace agena::stage1
