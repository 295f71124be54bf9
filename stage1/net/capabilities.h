// Values for the capabilities that plugins declare (CNI's conventions): what a pod asks of its networks at
// run time, for a plugin to carry out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "stage1/net/cni_result.h"

namespace agena::stage1 {

// Names of capabilities, as configurations have them.
inline constexpr std::string_view kPortMappings = "portMappings";
inline constexpr std::string_view kBandwidth = "bandwidth";

// One port of the host that leads to one of the pod's.
struct PluginPort {
  std::string protocol;                   // "tcp", "udp" or "sctp"
  std::optional<IpAddress> host_ip = {};  // none: every address of the host
  std::uint16_t host_port = 0;
  std::uint16_t pod_port = 0;
};

// Limits of what a pod receives (ingress) and sends (egress), in bits per second; 0 is none.
struct PluginBandwidth {
  std::uint64_t ingress = 0;
  std::uint64_t egress = 0;
};

struct CapabilityValues {
  std::vector<PluginPort> ports = {};
  std::optional<PluginBandwidth> bandwidth = {};
  CniDns dns = {};
  std::string args = {};  // the network's "KEY=VALUE;…": IP and MAC are also capabilities, "ips" and "mac"
};

// The values as an object that has a member for each capability with a value ("portMappings", "bandwidth",
// "dns", "ips", "mac"); empty text if there is none. Attachment::runtime_config.
Result<std::string> render_capabilities(const CapabilityValues& values);

}  // namespace agena::stage1
