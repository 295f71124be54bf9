// Values for the capabilities that plugins declare (CNI's conventions): what a pod asks of its networks at
// run time, for a plugin to carry out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "manifests/schema/port_map.h"
#include "stage1/net/cni_result.h"

namespace agena::stage1 {

// Names of capabilities, as configurations have them.
inline constexpr std::string_view kPortMappings = "portMappings";
inline constexpr std::string_view kBandwidth = "bandwidth";

// Limits of what a pod receives (ingress) and sends (egress), in bits per second; 0 is none.
struct PluginBandwidth {
  std::uint64_t ingress = 0;
  std::uint64_t egress = 0;
};

struct CapabilityValues {
  std::vector<schema::PortMapping> ports = {};
  std::optional<PluginBandwidth> bandwidth = {};
  CniDns dns = {};
  std::string args = {};  // the network's "KEY=VALUE;…": IP and MAC are also capabilities, "ips" and "mac"
};

// The values as an object that has a member for each capability with a value ("portMappings", "bandwidth",
// "dns", "ips", "mac"); empty text if there is none. Attachment::runtime_config.
Result<std::string> render_capabilities(const CapabilityValues& values);

// The ports in such a text, without their names; a range is as many.
Result<std::vector<schema::PortMapping>> ports_in_capabilities(std::string_view text);

}  // namespace agena::stage1
