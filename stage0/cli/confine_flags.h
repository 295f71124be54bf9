// The flags of an app that say under what confinement it runs, beside the capabilities and --seccomp of
// app_flags.h.
#pragma once

#include <array>
#include <string_view>

#include "common/base/options.h"
#include "stage0/cli/app_flags.h"
#include "stage0/cli/flag_values.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

inline constexpr auto kConfineFlags = std::to_array<AppFlagRow>({
    {{.name = "apparmor-profile",
      .value_name = "NAME",
      .arity = OptionArity::kValue,
      .help = "AppArmor profile that the app runs under; it must be loaded on the host"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.isolators.apparmor_profile = std::string(value);
       return {};
     }},
    {{.name = "no-new-privileges", .help = "set-user-ID programs and file capabilities give the app nothing"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.isolators.no_new_privileges = TRY(parse_bool(value));
       return {};
     }},
    {{.name = "selinux-context",
      .value_name = "USER:ROLE:TYPE:LEVEL",
      .arity = OptionArity::kValue,
      .help = "SELinux context that the app runs under"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.isolators.selinux_context = std::string(value);
       return {};
     }},
});
inline constexpr auto kConfineOptions = options_of(kConfineFlags);

}  // namespace agena::stage0
