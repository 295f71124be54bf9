// Limits of resources as the user asks for them. Texts are as typed; stage0/pod parses them.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace agena::stage0 {

// `--device-read-bps PATH:RATE` and its like.
struct DeviceRateFlag {
  enum class Kind { kReadBps, kWriteBps, kReadIops, kWriteIops };
  Kind kind = Kind::kReadBps;
  std::string text;  // "PATH:RATE"
  bool operator==(const DeviceRateFlag&) const = default;
};

// Limits of an app beyond appc's isolators.
struct ResourceFlags {
  std::vector<std::string> rlimits;       // "NAME=SOFT[:HARD]"; of one name the last counts
  std::optional<std::string> pids_limit;  // integer
  std::vector<DeviceRateFlag> device_rates;
  bool operator==(const ResourceFlags&) const = default;
};

// Limits of the pod as a whole; its own systemd counts in.
struct PodResourceFlags {
  std::optional<std::string> memory;      // Kubernetes quantity, bytes
  std::optional<std::string> cpu;         // Kubernetes quantity, cores
  std::optional<std::string> pids_limit;  // integer
  bool operator==(const PodResourceFlags&) const = default;
};

}  // namespace agena::stage0
