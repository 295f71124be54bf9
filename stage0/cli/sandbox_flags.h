// The flags of `app sandbox` that no other command has at the level of the pod, as a table. For the command
// table and for pod_request.cc.
#pragma once

#include <array>
#include <string_view>

#include "common/base/options.h"
#include "common/base/result.h"
#include "stage0/cli/flag_values.h"
#include "stage0/cli/life_flags.h"
#include "stage0/cli/pod_flags.h"

namespace agena::stage0 {

inline constexpr auto kSandboxFlags = std::to_array<PodFlagRow>({
    {{.name = "annotation",
      .value_name = "NAME=VALUE",
      .arity = OptionArity::kValue,
      .help = "annotation of the pod",
      .repeatable = true},
     [](PodFlags& flags, std::string_view value) {
       return add_name_value(flags.prepare.annotations, value);
     }},
    {{.name = "detach",
      .short_name = 'd',
      .help = "run the pod in the background, and print its UUID when apps may be added"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.detach = TRY(parse_bool(value));
       return {};
     }},
    {{.name = "port",
      .value_name = "NAME:PROTO:PORT:HOSTIP:HOSTPORT",
      .arity = OptionArity::kValue,
      .help = "forward a port of the host to a port of the pod; PROTO is tcp, udp or sctp",
      .repeatable = true},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.prepare.ports.push_back(TRY(parse_pod_port(value)));
       return {};
     }},
    {{.name = "user-annotation",
      .value_name = "NAME=VALUE",
      .arity = OptionArity::kValue,
      .help = "user's annotation of the pod",
      .repeatable = true},
     [](PodFlags& flags, std::string_view value) {
       return add_name_value(flags.prepare.user_annotations, value);
     }},
    {{.name = "user-label",
      .value_name = "NAME=VALUE",
      .arity = OptionArity::kValue,
      .help = "user's label of the pod",
      .repeatable = true},
     [](PodFlags& flags, std::string_view value) {
       return add_name_value(flags.prepare.user_labels, value);
     }},
    {{.name = "wait-timeout",
      .value_name = "DURATION",
      .initial = "1m",
      .arity = OptionArity::kValue,
      .help = "with --detach: how long the pod may take until it is ready"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.ready_timeout = TRY(parse_span(value));
       return {};
     }},
});
inline constexpr auto kSandboxOptions = options_of(kSandboxFlags);

}  // namespace agena::stage0
