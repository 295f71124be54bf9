// The flags about the life of apps: of one app behind its image, or of all apps before the first image. And
// of the life of the pod.
#pragma once

#include <array>
#include <string_view>

#include "common/base/options.h"
#include "stage0/cli/flag_values.h"
#include "stage0/cli/pod_flags.h"
#include "stage0/pod/life_request.h"
#include "stage0/pod/pod_name.h"

namespace agena::stage0 {

struct LifeFlagRow {
  Option option;
  Result<> (*set)(LifeRequest& life, std::string_view value);
};

// "[\"PROGRAM\",\"ARG\"]", a command for the shell, or "none".
Result<std::vector<std::string>> parse_health_command(std::string_view text);
// A duration above 0.
Result<Nanoseconds> parse_span(std::string_view text);
// "app" or "none"; podman's "container" is "app", its "conmon" and "ignore" are "none". True for "app".
Result<bool> parse_notify_mode(std::string_view text);
// A signal by name or number.
Result<int> parse_signal_flag(std::string_view text);
// A count above 0.
Result<std::uint32_t> parse_count(std::string_view text);

inline constexpr std::array<std::string_view, 5> kNotifyModes = {"app", "conmon", "container", "ignore",
                                                                 "none"};

inline constexpr auto kLifeFlags = std::to_array<LifeFlagRow>({
    {{.name = "health-cmd",
      .value_name = "COMMAND",
      .arity = OptionArity::kValue,
      .help = "health check: a command for the app's shell, or a JSON array of a program and its arguments"},
     [](LifeRequest& life, std::string_view value) -> Result<> {
       life.health.test = TRY(parse_health_command(value));
       return {};
     }},
    {{.name = "health-interval",
      .value_name = "DURATION",
      .initial = "30s",
      .arity = OptionArity::kValue,
      .help = "time between health checks"},
     [](LifeRequest& life, std::string_view value) -> Result<> {
       life.health.interval = TRY(parse_span(value));
       return {};
     }},
    {{.name = "health-retries",
      .value_name = "N",
      .initial = "3",
      .arity = OptionArity::kValue,
      .help = "failed health checks in a row that make an app unhealthy"},
     [](LifeRequest& life, std::string_view value) -> Result<> {
       life.health.retries = TRY(parse_count(value));
       return {};
     }},
    {{.name = "health-start-period",
      .value_name = "DURATION",
      .initial = "0s",
      .arity = OptionArity::kValue,
      .help = "time after its start in which an app's failed health checks do not count"},
     [](LifeRequest& life, std::string_view value) -> Result<> {
       life.health.start_period = TRY(parse_duration(value));
       return {};
     }},
    {{.name = "health-timeout",
      .value_name = "DURATION",
      .initial = "30s",
      .arity = OptionArity::kValue,
      .help = "time after which a health check is killed and has failed"},
     [](LifeRequest& life, std::string_view value) -> Result<> {
       life.health.timeout = TRY(parse_span(value));
       return {};
     }},
    {{.name = "no-healthcheck", .help = "do not check the app's health, whatever its image says"},
     [](LifeRequest& life, std::string_view value) -> Result<> {
       if (TRY(parse_bool(value))) life.health.test = {"NONE"};
       return {};
     }},
    {{.name = "restart",
      .value_name = "POLICY",
      .initial = "no",
      .arity = OptionArity::kValue,
      .help = "start the app again when it has ended: no, on-failure[:MAX] or always"},
     [](LifeRequest& life, std::string_view value) -> Result<> {
       life.restart = TRY(life::parse_restart_policy(value));
       return {};
     }},
    {{.name = "sdnotify",
      .value_name = "MODE",
      .initial = "none",
      .arity = OptionArity::kValue,
      .help =
          "who tells that the app is ready: app (it notifies $NOTIFY_SOCKET), or none (it is when it runs)",
      .choices = kNotifyModes},
     [](LifeRequest& life, std::string_view value) -> Result<> {
       life.notifies = TRY(parse_notify_mode(value));
       return {};
     }},
    {{.name = "stop-signal",
      .value_name = "SIGNAL",
      .initial = "SIGTERM",
      .arity = OptionArity::kValue,
      .help = "signal that asks the app to end"},
     [](LifeRequest& life, std::string_view value) -> Result<> {
       life.stop_signal = TRY(parse_signal_flag(value));
       return {};
     }},
    {{.name = "stop-timeout",
      .value_name = "DURATION",
      .initial = "10s",
      .arity = OptionArity::kValue,
      .help = "how long the app may take to end before it is killed"},
     [](LifeRequest& life, std::string_view value) -> Result<> {
       life.stop_timeout = TRY(parse_duration(value));
       return {};
     }},
});
inline constexpr auto kLifeOptions = options_of(kLifeFlags);

// Of the pod, decided when it is made.
inline constexpr auto kPodNameFlags = std::to_array<PodFlagRow>({
    {{.name = "pod-name",
      .value_name = "NAME",
      .arity = OptionArity::kValue,
      .help = "name of the pod, which stands for its UUID in all commands"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       TRY(check_pod_name(value));
       flags.prepare.name = value;
       return {};
     }},
});
inline constexpr auto kPodNameOptions = options_of(kPodNameFlags);

// Of the pod, decided when it starts.
inline constexpr auto kPodLifeFlags = std::to_array<PodFlagRow>({
    {{.name = "timeout",
      .value_name = "DURATION",
      .arity = OptionArity::kValue,
      .help = "stop the pod after this time; it ends with exit code 124 then"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.launch.timeout = TRY(parse_span(value));
       return {};
     }},
});
inline constexpr auto kPodLifeOptions = options_of(kPodLifeFlags);

}  // namespace agena::stage0
