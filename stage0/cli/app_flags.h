// The flags that follow an image and belong to its app, as a table. For the command table and for
// pod_request.cc.
#pragma once

#include <array>
#include <string_view>

#include "common/base/options.h"
#include "common/base/result.h"
#include "stage0/cli/flag_values.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

struct AppFlagRow {
  Option option;
  Result<> (*set)(AppRequest& app, std::string_view value);
};

// Sets a text that must not be empty.
Result<> set_text(std::string& target, std::string_view value);

// For `fetch`, too.
inline constexpr auto kSignatureFlags = std::to_array<AppFlagRow>({
    {{.name = "signature",
      .value_name = "FILE",
      .arity = OptionArity::kValue,
      .help = "detached OpenPGP signature of the image before it",
      .completes = Completes::kFile},
     [](AppRequest& app, std::string_view value) { return set_text(app.signature, value); }},
});
inline constexpr auto kSignatureOptions = options_of(kSignatureFlags);

inline constexpr auto kMountFlags = std::to_array<AppFlagRow>({
    {{.name = "mount",
      .value_name = "volume=VOL,target=PATH",
      .arity = OptionArity::kValue,
      .help = "mount a volume into the app; before the first image: into all apps",
      .repeatable = true},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.mounts.push_back(TRY(parse_mount(value)));
       return {};
     }},
});
inline constexpr auto kMountOptions = options_of(kMountFlags);

// What makes no sense for several apps at once: these must follow an image. All other flags of apps may stand
// before the first image, as defaults for all apps.
inline constexpr auto kOneAppFlags = std::to_array<AppFlagRow>({
    {{.name = "exec",
      .value_name = "PATH",
      .arity = OptionArity::kValue,
      .help = "program to run instead of the image's; the image's arguments are dropped",
      .completes = Completes::kFile},
     [](AppRequest& app, std::string_view value) { return set_text(app.exec, value); }},
    {{.name = "name",
      .value_name = "NAME",
      .arity = OptionArity::kValue,
      .help = "name of the app; by default the last part of the image's name"},
     [](AppRequest& app, std::string_view value) { return set_text(app.name, value); }},
});
inline constexpr auto kOneAppOptions = options_of(kOneAppFlags);

inline constexpr auto kAppFlags = std::to_array<AppFlagRow>({
    {{.name = "annotation",
      .value_name = "NAME=VALUE",
      .arity = OptionArity::kValue,
      .help = "annotation of the app",
      .repeatable = true},
     [](AppRequest& app, std::string_view value) { return add_name_value(app.annotations, value); }},
    {{.name = "cap-remove",
      .value_name = "LIST",
      .arity = OptionArity::kValue,
      .replaced_by = "--caps-remove"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.isolators.caps_remove = TRY(parse_list(value));
       return {};
     }},
    {{.name = "cap-retain",
      .value_name = "LIST",
      .arity = OptionArity::kValue,
      .replaced_by = "--caps-retain"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.isolators.caps_retain = TRY(parse_list(value));
       return {};
     }},
    {{.name = "caps-remove",
      .value_name = "LIST",
      .arity = OptionArity::kValue,
      .help = "capabilities to take from the default set"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.isolators.caps_remove = TRY(parse_list(value));
       return {};
     }},
    {{.name = "caps-retain",
      .value_name = "LIST",
      .arity = OptionArity::kValue,
      .help = "capabilities to keep, all others are dropped"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.isolators.caps_retain = TRY(parse_list(value));
       return {};
     }},
    {{.name = "cpu", .value_name = "CORES", .arity = OptionArity::kValue, .help = "CPU limit, as 500m or 2"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.isolators.cpu = std::string(value);
       return {};
     }},
    {{.name = "cpu-shares",
      .value_name = "N",
      .arity = OptionArity::kValue,
      .help = "weight against other apps when CPUs are busy"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.isolators.cpu_shares = std::string(value);
       return {};
     }},
    {{.name = "environment",
      .value_name = "NAME=VALUE",
      .arity = OptionArity::kValue,
      .help = "environment variable of the app; wins over the image's, but not over --set-env",
      .repeatable = true},
     [](AppRequest& app, std::string_view value) { return add_name_value(app.environment, value); }},
    {{.name = "group",
      .value_name = "GROUP",
      .arity = OptionArity::kValue,
      .help = "group: a name in the image, a number, or a path whose group is taken"},
     [](AppRequest& app, std::string_view value) { return set_text(app.group, value); }},
    {{.name = "memory",
      .value_name = "BYTES",
      .arity = OptionArity::kValue,
      .help = "memory limit, as 512Mi or 1G"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.isolators.memory = std::string(value);
       return {};
     }},
    {{.name = "oom-score-adj",
      .value_name = "N",
      .arity = OptionArity::kValue,
      .help = "how readily the kernel kills the app when memory runs out, -1000 to 1000"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.isolators.oom_score_adj = std::string(value);
       return {};
     }},
    {{.name = "readonly-rootfs",
      .value_name = "BOOL",
      .arity = OptionArity::kValue,
      .help = "mount the app's root read-only"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.readonly_rootfs = TRY(parse_bool(value));
       return {};
     }},
    {{.name = "seccomp",
      .value_name = "mode=MODE,…",
      .arity = OptionArity::kValue,
      .help = "system calls: mode=retain|remove[,errno=E],CALL|@SET,…"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.isolators.seccomp = std::string(value);
       return {};
     }},
    {{.name = "supplementary-gids",
      .value_name = "N,…",
      .arity = OptionArity::kValue,
      .help = "supplementary group ids"},
     [](AppRequest& app, std::string_view value) -> Result<> {
       app.supplementary_gids = TRY(parse_ids(value));
       return {};
     }},
    {{.name = "user",
      .value_name = "USER",
      .arity = OptionArity::kValue,
      .help = "user: a name in the image, a number, or a path whose owner is taken"},
     [](AppRequest& app, std::string_view value) { return set_text(app.user, value); }},
    {{.name = "user-annotation",
      .value_name = "NAME=VALUE",
      .arity = OptionArity::kValue,
      .help = "user annotation of the app",
      .repeatable = true},
     [](AppRequest& app, std::string_view value) { return add_name_value(app.user_annotations, value); }},
    {{.name = "user-label",
      .value_name = "NAME=VALUE",
      .arity = OptionArity::kValue,
      .help = "user label of the app",
      .repeatable = true},
     [](AppRequest& app, std::string_view value) { return add_name_value(app.user_labels, value); }},
    {{.name = "working-dir",
      .value_name = "PATH",
      .arity = OptionArity::kValue,
      .help = "working directory of the app"},
     [](AppRequest& app, std::string_view value) { return set_text(app.working_dir, value); }},
});
inline constexpr auto kAppOptions = options_of(kAppFlags);

}  // namespace agena::stage0
