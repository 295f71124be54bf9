// Ports of an image and their place on the host.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "manifests/schema/ac_name.h"
#include "manifests/schema/extra.h"

namespace agena::schema {

// A range of ports that an app listens on: port .. port + count - 1.
struct Port {
  AcName name;
  std::string protocol = {};  // "tcp", "udp", …
  std::uint16_t port = 0;
  std::uint16_t count = 1;
  bool socket_activated = false;
  Extra extra = {};
  bool operator==(const Port&) const = default;
};

// A port that is forwarded from the host.
struct ExposedPort {
  AcName name;  // an app's port, unless pod_port is given
  std::uint16_t host_port = 0;
  std::string host_ip = {};  // IPv4 or IPv6 address; empty for all
  std::optional<Port> pod_port = {};
  std::string app = {};  // that it came with and goes with (`app add --port`); empty: the pod's own
  Extra extra = {};
  bool operator==(const ExposedPort&) const = default;
};

}  // namespace agena::schema
