// Which ports of the host lead to which ports of a pod, as its manifest and its apps say together.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "manifests/schema/pod_manifest.h"

namespace agena::schema {

// Ports host_port .. host_port + count - 1 of the host, which lead to pod_port .. pod_port + count - 1.
struct PortMapping {
  std::string name;
  std::string protocol;  // "tcp", "udp" or "sctp"
  std::optional<IpAddress> host_ip =
      {};  // absent: all addresses of the host; 0.0.0.0 or ::: all of the version
  std::uint16_t host_port = 0;
  std::uint16_t pod_port = 0;
  std::uint16_t count = 1;
  std::string app = {};  // that it goes with; empty: the pod's own
  bool operator==(const PortMapping&) const = default;

  // "tcp-0.0.0.0:80", "tcp-[::1]:80"; the first of a range.
  std::string place() const;
};

// Whether a packet of this version may be meant for the mapping.
bool is_for(const PortMapping& mapping, bool v4);
// Whether there is a port of an address of the host that both would have.
bool overlap(const PortMapping& a, const PortMapping& b);

// The ports of one app.
struct AppPorts {
  std::string_view app;
  std::span<const Port> ports;
};

// An error for an address of the host that no port can be forwarded from: ::1.
Result<> check_forwarded_from(const IpAddress& host);
// The protocols that can be forwarded.
bool is_forwarded_protocol(std::string_view protocol);

// The mappings of a pod, in the manifest's order. Errors: a name that no app or several apps have, a protocol
// without ports, two mappings at one place.
Result<std::vector<PortMapping>> port_mappings(std::span<const ExposedPort> exposed,
                                               std::span<const AppPorts> apps);

}  // namespace agena::schema
