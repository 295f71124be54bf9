// The flags of `app add`, `app start`, `app stop`, `app rm` and `app update` beside those of apps. For the
// command table and for these commands.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/options.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "stage0/app/app_request.h"
#include "stage0/cli/app_flags.h"
#include "stage0/cli/flag_values.h"
#include "stage0/cli/resource_flags.h"
#include "stage0/cli/volume_values.h"

namespace agena::stage0 {

inline constexpr Option kAppOfPod = {.name = "app",
                                     .value_name = "APP",
                                     .arity = OptionArity::kValue,
                                     .help = "name of the app; it may stand behind the UUID instead"};
inline constexpr Option kAppTimeout = {
    .name = "timeout",
    .value_name = "DURATION",
    .initial = "60s",
    .arity = OptionArity::kValue,
    .help =
        "how long the operation may wait for others; longer by default where an app may take longer to end"};
inline constexpr Option kAppStopTime = {.name = "time",
                                        .value_name = "DURATION",
                                        .arity = OptionArity::kValue,
                                        .help =
                                            "how long the app may take to end before it is killed; by "
                                            "default what it was given (--stop-timeout)"};

// What `app add` takes beside the flags of the app.
struct AddFlags {
  std::vector<VolumeRequest> volumes;
  std::vector<MountRequest> mounts;
  std::vector<PortRequest> ports;
  std::optional<Nanoseconds> timeout;
  bool start = false;
};
struct AddFlagRow {
  Option option;
  Result<> (*set)(AddFlags& flags, std::string_view value);
};
inline constexpr auto kAddFlags = std::to_array<AddFlagRow>({
    {{.name = "mnt-volume",
      .value_name = "name=NAME,kind=KIND,source=PATH,target=PATH,…",
      .arity = OptionArity::kValue,
      .help = "a volume of this app alone and where it is mounted, with whatever --volume may have",
      .repeatable = true},
     [](AddFlags& flags, std::string_view value) -> Result<> {
       MountedVolume mounted = TRY(parse_mounted_volume(value));
       flags.volumes.push_back(std::move(mounted.volume));
       flags.mounts.push_back(std::move(mounted.mount));
       return {};
     }},
    {{.name = "port",
      .value_name = "NAME:[HOSTIP:]PORT",
      .arity = OptionArity::kValue,
      .help = "forward a port of the host to a port of this app, as for 'run', until it is removed",
      .repeatable = true},
     [](AddFlags& flags, std::string_view value) -> Result<> {
       flags.ports.push_back(TRY(parse_port(value)));
       return {};
     }},
    {{.name = "start", .help = "start the app at once"},
     [](AddFlags& flags, std::string_view value) -> Result<> {
       flags.start = TRY(parse_bool(value));
       return {};
     }},
    {{.name = "timeout",
      .value_name = "DURATION",
      .initial = "60s",
      .arity = OptionArity::kValue,
      .help = "how long the operation may wait for others; fetching the image does not count"},
     [](AddFlags& flags, std::string_view value) -> Result<> {
       flags.timeout = TRY(parse_duration(value));
       return {};
     }},
    {{.name = "volume",
      .value_name = "NAME,kind=host|empty,…",
      .arity = OptionArity::kValue,
      .help = "a volume of this app alone, for --mount and for the mount point of that name, as for 'run'",
      .repeatable = true},
     [](AddFlags& flags, std::string_view value) -> Result<> {
       flags.volumes.push_back(TRY(parse_volume(value)));
       return {};
     }},
});
inline constexpr auto kAddOptions = options_of(kAddFlags);

// An option of a table, by its name.
template <class Rows>
consteval const Option* option_named(const Rows& rows, std::string_view name) {
  return &std::ranges::find(rows, name, [](const auto& row) { return row.option.name; })->option;
}
// Limits that can be changed while the app runs.
inline constexpr std::array kLimitOptions = {
    option_named(kAppFlags, "cpu"),
    option_named(kAppFlags, "cpu-shares"),
    option_named(kAppFlags, "memory"),
    option_named(kResourceFlags, "device-read-bps"),
    option_named(kResourceFlags, "device-read-iops"),
    option_named(kResourceFlags, "device-write-bps"),
    option_named(kResourceFlags, "device-write-iops"),
    option_named(kResourceFlags, "pids-limit"),
};

}  // namespace agena::stage0
