// What the rest of stage1 wants to know of a pod's networks once they are there, and how the supervisor tells
// pod-init.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace agena::stage1 {

struct NetworkFacts {
  // Text for /etc/resolv.conf of the apps; nullopt if no network says anything about names.
  std::optional<std::string> resolv_conf = {};
  // The pod's own addresses, those of its first network first. Literals without prefix length.
  std::vector<std::string> addresses = {};
  // Address of the host as the pod reaches it: the gateway of its default network; empty if there is none.
  std::string host_address = {};
  bool operator==(const NetworkFacts&) const = default;
};

// One message (JSON), and back.
Result<std::string> render_network_facts(const NetworkFacts& facts);
Result<NetworkFacts> parse_network_facts(std::string_view text);

}  // namespace agena::stage1
