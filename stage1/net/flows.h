// The kernel's memory of where packets go (connection tracking), as far as it stands in the way of forwarded
// ports: without connections of their own, packets of UDP follow the way that the first of them took, for
// minutes, whatever the rules say by then.
#pragma once

#include <span>

#include "common/base/result.h"
#include "manifests/schema/port_map.h"
#include "stage1/net/pod_rules.h"

namespace agena::stage1 {

// Makes the kernel forget the UDP flows to these ports of the host that do not lead to the target: those to a
// pod that had the ports before, and those that began when nobody had them. In this thread's network
// namespace. Nothing is done if none of the ports is of UDP.
Result<> forget_stale_flows(std::span<const schema::PortMapping> ports, const ForwardTarget& target);
// As above, but those that do lead to the target, which has the ports no more.
Result<> forget_flows_of(std::span<const schema::PortMapping> ports, const ForwardTarget& target);

}  // namespace agena::stage1
