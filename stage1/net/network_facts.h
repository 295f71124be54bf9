// What the rest of stage1 wants to know of a pod's networks once they are there, and how the supervisor tells
// pod-init.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"

namespace agena::stage1 {

struct NetworkFacts {
  // Text for /etc/resolv.conf of the apps; nullopt if no network says anything about names.
  std::optional<std::string> resolv_conf = {};
  // The pod's own addresses, those of its first network first. Literals without prefix length.
  std::vector<std::string> addresses = {};
  // Of its networks, in their order. Known to the supervisor only.
  std::vector<IpAddress> gateways = {};
  // Address of the host as the pod reaches it: the first gateway that is the host's, of IPv4 before IPv6;
  // empty if there is none, or nobody has asked (find_host_address()).
  std::string host_address = {};
  bool operator==(const NetworkFacts&) const = default;
};

// The first of the gateways that is an address of this network namespace (that of a macvlan, say, is a
// router's), of IPv4 before IPv6; empty if there is none.
Result<std::string> find_host_address(const std::vector<IpAddress>& gateways);

// One message (JSON), and back.
Result<std::string> render_network_facts(const NetworkFacts& facts);
Result<NetworkFacts> parse_network_facts(std::string_view text);

}  // namespace agena::stage1
