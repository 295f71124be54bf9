// The flags about limits of resources beyond appc's isolators, of apps and of the pod, as tables. For the
// command table and for pod_request.cc.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "common/base/options.h"
#include "stage0/cli/app_flags.h"
#include "stage0/cli/pod_flags.h"

namespace agena::stage0 {

inline Result<> add_device_rate(AppRequest& app, DeviceRateFlag::Kind kind, std::string_view value) {
  app.resources.device_rates.push_back({kind, std::string(value)});
  return {};
}

// Names of docker.
inline constexpr auto kResourceFlags = std::to_array<AppFlagRow>({
    {{.name = "device-read-bps",
      .value_name = "PATH:RATE",
      .arity = OptionArity::kValue,
      .help = "most bytes a second that the app reads from a disk, as /dev/sda:10M",
      .repeatable = true},
     [](AppRequest& app, std::string_view value) {
       return add_device_rate(app, DeviceRateFlag::Kind::kReadBps, value);
     }},
    {{.name = "device-read-iops",
      .value_name = "PATH:RATE",
      .arity = OptionArity::kValue,
      .help = "most read operations a second on a disk",
      .repeatable = true},
     [](AppRequest& app, std::string_view value) {
       return add_device_rate(app, DeviceRateFlag::Kind::kReadIops, value);
     }},
    {{.name = "device-write-bps",
      .value_name = "PATH:RATE",
      .arity = OptionArity::kValue,
      .help = "most bytes a second that the app writes to a disk",
      .repeatable = true},
     [](AppRequest& app, std::string_view value) {
       return add_device_rate(app, DeviceRateFlag::Kind::kWriteBps, value);
     }},
    {{.name = "device-write-iops",
      .value_name = "PATH:RATE",
      .arity = OptionArity::kValue,
      .help = "most write operations a second on a disk",
      .repeatable = true},
     [](AppRequest& app, std::string_view value) {
       return add_device_rate(app, DeviceRateFlag::Kind::kWriteIops, value);
     }},
    {{.name = "pids-limit",
      .value_name = "N",
      .arity = OptionArity::kValue,
      .help = "most processes and threads of the app"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.resources.pids_limit = std::string(value);
       return {};
     }},
    {{.name = "rlimit",
      .value_name = "NAME=SOFT[:HARD]",
      .arity = OptionArity::kValue,
      .help = "limit of each process of the app (setrlimit), as nofile=1024:4096 or core=unlimited",
      .repeatable = true},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.resources.rlimits.emplace_back(value);
       return {};
     }},
    {{.name = "ulimit",
      .value_name = "NAME=SOFT[:HARD]",
      .arity = OptionArity::kValue,
      .help = "the same under docker's name",
      .repeatable = true,
      .hidden = true},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.resources.rlimits.emplace_back(value);
       return {};
     }},
});
inline constexpr auto kResourceOptions = options_of(kResourceFlags);

inline constexpr auto kPodResourceFlags = std::to_array<PodFlagRow>({
    {{.name = "pod-cpu",
      .value_name = "CORES",
      .arity = OptionArity::kValue,
      .help = "CPU limit of the pod as a whole, as 500m or 2"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.prepare.resources.cpu = std::string(value);
       return {};
     }},
    {{.name = "pod-memory",
      .value_name = "BYTES",
      .arity = OptionArity::kValue,
      .help = "memory limit of the pod as a whole, its systemd included (some 10 MB)"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.prepare.resources.memory = std::string(value);
       return {};
     }},
    {{.name = "pod-pids-limit",
      .value_name = "N",
      .arity = OptionArity::kValue,
      .help = "most processes and threads of the pod as a whole, its systemd included"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.prepare.resources.pids_limit = std::string(value);
       return {};
     }},
});
inline constexpr auto kPodResourceOptions = options_of(kPodResourceFlags);

}  // namespace agena::stage0
