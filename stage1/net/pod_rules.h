// The packet filter's rules of one pod: forwarded ports and masquerading. They stand in a table of the pod's
// own in the host's network namespace, which is written and removed as a whole, so that no record of them is
// needed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/base/uuid.h"
#include "common/sys/netlink.h"
#include "manifests/schema/port_map.h"

namespace agena::stage1 {

// Where forwarded ports lead: addresses of the pod in one of its networks, each with its network's prefix.
struct ForwardTarget {
  std::optional<IpPrefix> v4 = {};
  std::optional<IpPrefix> v6 = {};
  bool operator==(const ForwardTarget&) const = default;
};

struct PodRules {
  // Addresses of the pod, with their networks' prefixes, that the host stands in for towards other networks.
  std::vector<IpPrefix> masquerade = {};
  std::vector<schema::PortMapping> ports = {};
  ForwardTarget target = {};  // has an address for each mapping that is to work
  // Whether the host's side of the target's network may have route_localnet although there are no ports (any
  // more): the host's loopback is kept from the pod, as with ports.
  bool guard_loopback = false;

  bool empty() const { return masquerade.empty() && ports.empty() && !guards_loopback(); }
  bool guards_loopback() const { return target.v4 && (guard_loopback || !ports.empty()); }
};

// The rules of a pod that runs, in the network namespace of the thread that first installs some. They go when
// this object does, even if its process is killed; those that iptables had to write, or nf_tables before
// Linux 5.12, stay until they are removed.
class InstalledRules {
 public:
  explicit InstalledRules(const Uuid& pod) : pod_(pod) {}

  // Writes the rules in the place of those that the pod has; nothing stays half done. With nf_tables, or
  // where the kernel has none with the iptables programs. Empty ones are removed.
  Result<> install(const PodRules& rules);
  Result<> remove();

 private:
  Uuid pod_;
  std::optional<sys::NetlinkSocket> socket_;
  bool by_iptables_ = false;
};

// Removes what rules of a pod are there, whoever wrote them, once the pod does not run any more; none are
// there is no error.
Result<> remove_pod_rules(const Uuid& pod);

// Tables of pods are called this and the pod's UUID.
inline constexpr std::string_view kPodTables = "agena-";

}  // namespace agena::stage1
