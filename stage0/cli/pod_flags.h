// The pod's flags of `run`, `prepare` and `run-prepared`, as tables: what each is called, says, and sets.
// For the command table and for pod_request.cc; knows nothing of images.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/options.h"
#include "common/base/result.h"
#include "stage0/cli/flag_values.h"
#include "stage0/cli/volume_values.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

// How long a pod in the background may take until it is ready.
inline constexpr Nanoseconds kReadyTimeout = 60 * kSecond;

// What the flags of one command line add up to.
struct PodFlags {
  PrepareRequest prepare;
  LaunchRequest launch;
  std::string uuid_file_save;
  std::vector<std::string> env_files;
  bool store_only = false;
  bool no_store = false;
  bool detach = false;
  Nanoseconds ready_timeout = kReadyTimeout;
};

struct PodFlagRow {
  Option option;
  Result<> (*set)(PodFlags& flags, std::string_view value);
};

// Sets the stage1 selection; a second --stage1-* flag is an error.
Result<> select_stage1(PodFlags& flags, Stage1Selection::Kind kind, std::string_view value);
// Appends a volume; a name twice is an error.
Result<> add_volume(PodFlags& flags, std::string_view value);
// Appends the non-empty parts of a comma list.
Result<> add_list(std::vector<std::string>& list, std::string_view value);
inline constexpr std::array<std::string_view, 3> kPullPolicies = {"never", "new", "update"};
inline constexpr std::array<std::string_view, 4> kIpcModes = {"", "auto", "private", "parent"};

// Where images may come from; the default is the command's.
consteval std::array<PodFlagRow, 5> pull_flags(std::string_view initial) {
  return {{
      {{.name = "max-image-size",
        .value_name = "BYTES",
        .initial = "64g",
        .arity = OptionArity::kValue,
        .help = "how large an image may be when it is unpacked"},
       [](PodFlags& flags, std::string_view value) -> Result<> {
         flags.prepare.max_image_bytes = TRY(parse_size(value));
         return {};
       }},
      {{.name = "platform",
        .value_name = "OS/ARCH[/VARIANT]",
        .arity = OptionArity::kValue,
        .help = "which of the images that one reference stands for (this machine's by default)"},
       [](PodFlags& flags, std::string_view value) -> Result<> {
         flags.prepare.platform = TRY(parse_platform(value));
         return {};
       }},
      {{.name = "pull-policy",
        .value_name = "POLICY",
        .initial = initial,
        .arity = OptionArity::kValue,
        .help = "where images may come from: never (the store only), new (the store first), update (the "
                "source again)",
        .choices = kPullPolicies},
       [](PodFlags& flags, std::string_view value) -> Result<> {
         flags.prepare.pull_policy = TRY(parse_pull_policy(value));
         return {};
       }},
      {{.name = "store-only", .help = "as --pull-policy=never", .replaced_by = "--pull-policy=never"},
       [](PodFlags& flags, std::string_view value) -> Result<> {
         flags.store_only = TRY(parse_bool(value));
         return {};
       }},
      {{.name = "no-store", .help = "as --pull-policy=update", .replaced_by = "--pull-policy=update"},
       [](PodFlags& flags, std::string_view value) -> Result<> {
         flags.no_store = TRY(parse_bool(value));
         return {};
       }},
  }};
}
inline constexpr auto kPullFlags = pull_flags("new");
inline constexpr auto kPullOptions = options_of(kPullFlags);
inline constexpr auto kFetchPullFlags = pull_flags("update");
inline constexpr auto kFetchPullOptions = options_of(kFetchPullFlags);

inline constexpr auto kStage1Flags = std::to_array<PodFlagRow>({
    {{.name = "stage1-from-dir",
      .value_name = "FILE",
      .arity = OptionArity::kValue,
      .help = "stage1 image: a file in the directory of stage1 images"},
     [](PodFlags& flags, std::string_view value) {
       return select_stage1(flags, Stage1Selection::Kind::kFromDir, value);
     }},
    {{.name = "stage1-hash",
      .value_name = "ID",
      .arity = OptionArity::kValue,
      .help = "stage1 image: an id in the store",
      .completes = Completes::kImage},
     [](PodFlags& flags, std::string_view value) {
       return select_stage1(flags, Stage1Selection::Kind::kHash, value);
     }},
    {{.name = "stage1-name",
      .value_name = "NAME",
      .arity = OptionArity::kValue,
      .help = "stage1 image: a name, as in NAME:VERSION"},
     [](PodFlags& flags, std::string_view value) {
       return select_stage1(flags, Stage1Selection::Kind::kName, value);
     }},
    {{.name = "stage1-path",
      .value_name = "PATH",
      .arity = OptionArity::kValue,
      .help = "stage1 image: a file",
      .completes = Completes::kFile},
     [](PodFlags& flags, std::string_view value) {
       return select_stage1(flags, Stage1Selection::Kind::kPath, value);
     }},
    {{.name = "stage1-url", .value_name = "URL", .arity = OptionArity::kValue, .help = "stage1 image: a URL"},
     [](PodFlags& flags, std::string_view value) {
       return select_stage1(flags, Stage1Selection::Kind::kUrl, value);
     }},
});
inline constexpr auto kStage1Options = options_of(kStage1Flags);

// How the roots of a pod are made.
inline constexpr auto kRootFlags = std::to_array<PodFlagRow>({
    {{.name = "no-overlay", .help = "copy root file systems instead of mounting overlays"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.prepare.no_overlay = TRY(parse_bool(value));
       return {};
     }},
    {{.name = "private-users", .help = "run the pod in a user namespace of its own"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.prepare.private_users = TRY(parse_bool(value));
       return {};
     }},
});
inline constexpr auto kRootOptions = options_of(kRootFlags);

// What a prepared pod is made of.
inline constexpr auto kPrepareFlags = std::to_array<PodFlagRow>({
    {{.name = "inherit-env", .help = "give apps the caller's environment, below the image's own"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.prepare.inherit_env = TRY(parse_bool(value));
       return {};
     }},
    {{.name = "pod-manifest",
      .value_name = "PATH",
      .arity = OptionArity::kValue,
      .help = "take apps, volumes and ports from a pod manifest; no images and no flags about those then",
      .completes = Completes::kFile},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.prepare.pod_manifest = value;
       return {};
     }},
    {{.name = "port",
      .value_name = "NAME:[HOSTIP:]PORT",
      .arity = OptionArity::kValue,
      .help = "forward a port of the host to a port of the pod: one that an image names, or PORT[/PROTO]",
      .repeatable = true},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.prepare.ports.push_back(TRY(parse_port(value)));
       return {};
     }},
    {{.name = "set-env",
      .value_name = "NAME=VALUE",
      .arity = OptionArity::kValue,
      .help = "environment variable for all apps; wins over --set-env-file, --environment and the image",
      .repeatable = true},
     [](PodFlags& flags, std::string_view value) { return add_name_value(flags.prepare.set_env, value); }},
    {{.name = "set-env-file",
      .value_name = "PATH",
      .arity = OptionArity::kValue,
      .help = "file with a NAME=VALUE a line; lines that begin with # or ; are skipped",
      .repeatable = true,
      .completes = Completes::kFile},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.env_files.emplace_back(value);
       return {};
     }},
    {{.name = "volume",
      .value_name = "NAME,kind=KIND,…",
      .arity = OptionArity::kValue,
      .help = "volume of the pod: kind=host,source=PATH[,readOnly=BOOL][,recursive=BOOL]"
              "[,propagation=private|slave|shared][,idmap=BOOL] or kind=empty[,mode=OCTAL][,uid=N][,gid=N]; "
              "a comma in a "
              "path is written %2C",
      .repeatable = true},
     add_volume},
});
inline constexpr auto kPrepareOptions = options_of(kPrepareFlags);

// For pods whose apps are known when they start.
inline constexpr auto kTerminalFlags = std::to_array<PodFlagRow>({
    {{.name = "interactive", .help = "give the terminal to the app; for pods of one app"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.launch.interactive = TRY(parse_bool(value));
       return {};
     }},
});
inline constexpr auto kTerminalOptions = options_of(kTerminalFlags);

// What is decided when the pod starts.
inline constexpr auto kLaunchFlags = std::to_array<PodFlagRow>({
    {{.name = "dns",
      .value_name = "IP",
      .arity = OptionArity::kValue,
      .help = "name servers for resolv.conf; or 'host' (the host's file), or 'none' (the image's)",
      .repeatable = true},
     [](PodFlags& flags, std::string_view value) { return add_dns(flags.launch.dns, value); }},
    {{.name = "dns-domain",
      .value_name = "NAME",
      .arity = OptionArity::kValue,
      .help = "local domain for resolv.conf"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.launch.dns.domain = value;
       return {};
     }},
    {{.name = "dns-opt",
      .value_name = "OPTION",
      .arity = OptionArity::kValue,
      .help = "option for resolv.conf",
      .repeatable = true},
     [](PodFlags& flags, std::string_view value) { return add_list(flags.launch.dns.options, value); }},
    {{.name = "dns-search",
      .value_name = "DOMAIN",
      .arity = OptionArity::kValue,
      .help = "search domain for resolv.conf",
      .repeatable = true},
     [](PodFlags& flags, std::string_view value) { return add_list(flags.launch.dns.search, value); }},
    {{.name = "hostname",
      .value_name = "NAME",
      .initial = "{program}-UUID",
      .arity = OptionArity::kValue,
      .help = "host name of the pod"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.launch.hostname = value;
       return {};
     }},
    {{.name = "hosts-entry",
      .value_name = "IP=NAME,…",
      .arity = OptionArity::kValue,
      .help = "entries for /etc/hosts; or 'host' for the host's file",
      .repeatable = true},
     [](PodFlags& flags, std::string_view value) { return add_hosts_entries(flags.launch.hosts, value); }},
    {{.name = "ipc",
      .value_name = "MODE",
      .arity = OptionArity::kValue,
      .help = "IPC namespace: auto, private, or parent (the host's)",
      .choices = kIpcModes},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.launch.ipc = value;
       return {};
     }},
    {{.name = "mds-register", .help = "register the pod with the metadata service"},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.launch.mds_register = TRY(parse_bool(value));
       return {};
     }},
    {{.name = "net",
      .value_name = "NAME",
      .initial = "default",
      .arity = OptionArity::kOptionalValue,
      .bare_value = "default",
      .help =
          "networks of the pod: default, default-restricted, those of net.d in the local configuration, all "
          "of them, none (a loopback interface only) or host (the host's own)",
      .repeatable = true},
     [](PodFlags& flags, std::string_view value) { return add_networks(flags.launch.networks, value); }},
});
inline constexpr auto kLaunchOptions = options_of(kLaunchFlags);

inline constexpr auto kRunFlags = std::to_array<PodFlagRow>({
    {{.name = "uuid-file-save",
      .value_name = "PATH",
      .arity = OptionArity::kValue,
      .help = "write the pod's UUID to a file before the pod starts",
      .completes = Completes::kFile},
     [](PodFlags& flags, std::string_view value) -> Result<> {
       flags.uuid_file_save = value;
       return {};
     }},
});
inline constexpr auto kRunOptions = options_of(kRunFlags);

}  // namespace agena::stage0
