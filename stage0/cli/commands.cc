#include "stage0/cli/commands.h"

#include <array>

#include "common/base/table.h"
#include "stage0/cli/app_commands.h"
#include "stage0/cli/app_flags.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/confine_flags.h"
#include "stage0/cli/examples.h"
#include "stage0/cli/export_commands.h"
#include "stage0/cli/help_groups.h"
#include "stage0/cli/image_care_commands.h"
#include "stage0/cli/image_commands.h"
#include "stage0/cli/image_options.h"
#include "stage0/cli/life_flags.h"
#include "stage0/cli/pod_flags.h"
#include "stage0/cli/resource_flags.h"
#include "stage0/cli/trust_flags.h"
#include "stage0/cli/volume_flags.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kAny = CommandSpec::kAnyNumber;

// Option lists, by command.
constexpr std::array kAttachOptions = {&kAttachApp, &kAttachMode};
constexpr std::array kCatManifestOptions = {&kPrettyPrint, &kUuidFile};
constexpr std::array kEnterOptions = {&kApp};
constexpr std::array kGcOptions = {&kExpirePrepared, &kGracePeriod, &kMarkOnly};
constexpr std::array kListOptions = {&kFormat, &kFull, &kNoLegend};
constexpr std::array kLogsOptions = {&kFollow, &kLogApp, &kLogFormat,  &kRaw,
                                     &kSince,  &kTail,   &kTimestamps, &kUntil};
constexpr std::array kMetadataServiceOptions = {&kListenPort};
constexpr std::array kPrepareOnlyOptions = {&kQuiet};
constexpr std::array kRmOptions = {&kUuidFile};
constexpr std::array kStatusOptions = {&kFormat, &kUuidFile, &kWait, &kWaitReady};
constexpr std::array kStopOptions = {&kForce, &kStopGrace, &kUuidFile};

using Lists1 = std::array<OptionList, 1>;
constexpr Lists1 kAttachLists = {kAttachOptions};
constexpr Lists1 kCatManifestLists = {kCatManifestOptions};
constexpr Lists1 kEnterLists = {kEnterOptions};
constexpr Lists1 kGcLists = {kGcOptions};
constexpr Lists1 kListLists = {kListOptions};
constexpr Lists1 kLogsLists = {kLogsOptions};
constexpr Lists1 kMetadataServiceLists = {kMetadataServiceOptions};
constexpr auto kPrepareLists = std::to_array<OptionList>({kPrepareOnlyOptions, kPullOptions, kStage1Options,
                                                          kRootOptions, kPrepareOptions, kPodResourceOptions,
                                                          kPodNameOptions, kOptionsOfImages, kKernelOptions});
constexpr Lists1 kRmLists = {kRmOptions};
constexpr auto kRunLists = std::to_array<OptionList>(
    {kPullOptions, kStage1Options, kRootOptions, kPrepareOptions, kPodResourceOptions, kLaunchOptions,
     kTerminalOptions, kRunOptions, kPodLifeOptions, kPodNameOptions, kKernelOptions, kTraceOptions,
     kOptionsOfImages});
constexpr std::array<OptionList, 4> kRunPreparedLists = {kLaunchOptions, kTerminalOptions, kPodLifeOptions,
                                                         kTraceOptions};
constexpr Lists1 kStatusLists = {kStatusOptions};
constexpr Lists1 kStopLists = {kStopOptions};
constexpr Lists1 kTrustLists = {kTrustOptions};

constexpr std::array kOtherRows = {
    CommandRow{
        .spec = {.name = "attach",
                 .summary = "Join the streams of an app that runs",
                 .usage = "[--app=APP] [--mode=MODE] UUID",
                 .description =
                     "For apps that run with --stdin, --stdout or --stderr of the mode stream or tty. Ctrl-P "
                     "Ctrl-Q, or ^] three times within a second, leaves a terminal.",
                 .min_args = 1,
                 .max_args = 1,
                 .needs = kNeedsRoot,
                 .options = kAttachLists,
                 .arguments = Completes::kPod},
        .run = cmd_attach},
    CommandRow{.spec = {.name = "cat-manifest",
                        .summary = "Print the manifest of a pod",
                        .usage = "UUID | --uuid-file=PATH",
                        .max_args = kAny,
                        .options = kCatManifestLists,
                        .arguments = Completes::kPod},
               .run = cmd_cat_manifest},
    CommandRow{.spec = {.name = "completion",
                        .summary = "Print a completion script for a shell",
                        .usage = "SHELL",
                        .description =
                            "There are scripts for bash, fish and zsh. To use it at once, in bash: source "
                            "<({program} completion bash)",
                        .min_args = 1,
                        .max_args = 1},
               .run = cmd_completion},
    CommandRow{
        .spec = {.name = "config",
                 .summary = "Print the merged configuration",
                 .description = "Configuration files are read from the subdirectories auth.d, paths.d and "
                                "stage1.d of the system, the local and the user directory; later ones win.",
                 .options = kPrettyPrintLists},
        .run = cmd_config},
    CommandRow{
        .spec = {.name = "enter",
                 .summary = "Run a command inside a running pod",
                 .usage = "[--app=APP] UUID [COMMAND [ARG…]]",
                 .description = "Without a command, /bin/bash is run, or /bin/sh where there is no bash.",
                 .min_args = 1,
                 .max_args = kAny,
                 .order = ArgOrder::kOptionsFirst,
                 .needs = kNeedsRoot,
                 .options = kEnterLists,
                 .arguments = Completes::kPod},
        .run = cmd_enter},
    CommandRow{.spec = {.name = "fetch",
                        .summary = "Bring images into the store and print their ids",
                        .usage = "IMAGE…",
                        .description = kImagesText,
                        .options = kFetchLists,
                        .arguments = Completes::kFile},
               .run = cmd_fetch,
               .takes_images = true,
               .app_options = kSignatureOptions},
    CommandRow{
        .spec = {.name = "gc",
                 .summary = "Delete pods that have ended",
                 .description =
                     "Marks pods that have ended, and deletes those that were marked longer ago than the "
                     "grace period. Prepared pods that nobody runs expire.",
                 .needs = kNeedsRoot,
                 .options = kGcLists},
        .run = cmd_gc},
    CommandRow{.spec = {.name = "help",
                        .summary = "Show help for a command",
                        .usage = "[COMMAND]",
                        .max_args = kAny},
               .run = cmd_help},
    CommandRow{.spec = {.name = "list", .summary = "List pods", .options = kListLists}, .run = cmd_list},
    CommandRow{
        .spec = {.name = "logs",
                 .summary = "Print what the apps of a pod have written",
                 .usage = "[FLAGS] UUID",
                 .description =
                     "What went to standard error goes there. Lines of several apps are led by the app's "
                     "name. Works until the pod is deleted.",
                 .min_args = 1,
                 .max_args = 1,
                 .options = kLogsLists,
                 .arguments = Completes::kPod},
        .run = cmd_logs},
    CommandRow{
        .spec =
            {.name = "metadata-service",
             .summary = "Tell apps about their pods",
             .description =
                 "Runs appc's metadata service: apps of pods that were started with --mds-register ask it, "
                 "at $AC_METADATA_URL, about their pod and images, and have it sign and verify messages "
                 "between pods. Runs until it gets SIGTERM or SIGINT.",
             .options = kMetadataServiceLists},
        .run = cmd_metadata_service},
    CommandRow{.spec = {.name = "prepare",
                        .summary = "Prepare a pod to be run later, and print its UUID",
                        .usage = "[FLAGS] IMAGE [APP FLAGS] [-- ARG… [---]] [IMAGE…]",
                        .description = kImagesText,
                        .needs = kNeedsRoot,
                        .options = kPrepareLists,
                        .arguments = Completes::kFile},
               .run = cmd_prepare,
               .takes_images = true,
               .app_options = kOptionsOfImages,
               .leading_app_options = kOptionsForAllApps},
    CommandRow{.spec = {.name = "rm",
                        .summary = "Delete pods that are not running",
                        .usage = "UUID… | --uuid-file=PATH",
                        .max_args = kAny,
                        .needs = kNeedsRoot,
                        .options = kRmLists,
                        .arguments = Completes::kPod},
               .run = cmd_rm},
    CommandRow{.spec = {.name = "run",
                        .summary = "Run images in a pod",
                        .usage = "[FLAGS] IMAGE [APP FLAGS] [-- ARG… [---]] [IMAGE…]",
                        .description = kImagesText,
                        .needs = kNeedsRoot,
                        .options = kRunLists,
                        .arguments = Completes::kFile},
               .run = cmd_run,
               .takes_images = true,
               .app_options = kOptionsOfImages,
               .leading_app_options = kOptionsForAllApps},
    CommandRow{.spec = {.name = "run-prepared",
                        .summary = "Run a prepared pod, or one that has ended again",
                        .usage = "[FLAGS] UUID",
                        .min_args = 1,
                        .max_args = 1,
                        .needs = kNeedsRoot,
                        .options = kRunPreparedLists,
                        .arguments = Completes::kPod},
               .run = cmd_run_prepared},
    CommandRow{.spec = {.name = "start",
                        .summary = "Run a pod that has ended again, or a prepared one",
                        .usage = "[FLAGS] UUID",
                        .description =
                            "What the apps have written to their roots and to empty volumes is still there. "
                            "Flags that are not given are those of the last start.",
                        .min_args = 1,
                        .max_args = 1,
                        .needs = kNeedsRoot,
                        .options = kRunPreparedLists,
                        .arguments = Completes::kPod},
               .run = cmd_run_prepared},
    CommandRow{.spec = {.name = "status",
                        .summary = "Show the status of a pod",
                        .usage = "[FLAGS] UUID | --uuid-file=PATH",
                        .max_args = kAny,
                        .options = kStatusLists,
                        .arguments = Completes::kPod},
               .run = cmd_status},
    CommandRow{
        .spec = {.name = "stop",
                 .summary = "Stop running pods",
                 .usage = "[FLAGS] UUID… | --uuid-file=PATH",
                 .description = "Asks the pods to end, waits for them, and kills those that do not in time.",
                 .max_args = kAny,
                 .options = kStopLists,
                 .arguments = Completes::kPod},
        .run = cmd_stop},
    CommandRow{
        .spec = {.name = "trust",
                 .summary = "Trust the keys that images are signed with",
                 .usage = "[--prefix=NAME | --root] [KEYFILE | URL]…",
                 .description =
                     "Shows the fingerprint and the identities of each key and asks whether to trust it. "
                     "With a prefix and without keys, those are taken that discovery finds for it. "
                     "Trusted keys are kept in {local-config}/trustedkeys.",
                 .max_args = kAny,
                 .options = kTrustLists,
                 .arguments = Completes::kFile},
        .run = cmd_trust},
    CommandRow{.spec = {.name = "version", .summary = "Print versions"}, .run = cmd_version},
};
constexpr std::array kAppAliases = {
    as_app_command(kOtherRows, "attach", "app attach"),
    as_app_command(kOtherRows, "enter", "app exec", cmd_app_exec),
    as_app_command(kOtherRows, "logs", "app logs"),
};

template <std::size_t N>
consteval std::array<CommandRow, N> sorted(std::array<CommandRow, N> rows) {
  std::ranges::sort(rows, {}, [](const CommandRow& row) { return row.spec.name; });
  for (CommandRow& row : rows) row.spec.examples = examples_of(row.spec.name);
  return rows;
}
constexpr auto kRows = sorted(
    concatenated<CommandRow>(kAppRows, kAppAliases, kExportRows, kImageRows, kImageCareRows, kOtherRows));

consteval auto specs_of(const decltype(kRows)& rows) {
  std::array<const CommandSpec*, kRows.size()> specs{};
  for (std::size_t i = 0; i < specs.size(); ++i) specs[i] = &rows[i].spec;
  return specs;
}
constexpr auto kSpecs = specs_of(kRows);

constexpr std::string_view kSummary = "run pods of applications, from images of any format, without a daemon";
constexpr std::string_view kDescription =
    "Pods are one or more apps that share network, IPC and life cycle. A pod is a plain child of whoever "
    "starts "
    "it, and ends with the exit code of its first app that fails.\n"
    "Commands may be cut to a unique beginning, and flags may stand before the command.\n"
    "For help on a command: {program} help COMMAND";

}  // namespace

std::span<const CommandRow> command_rows() { return kRows; }

CommandList command_specs() { return kSpecs; }

std::string_view own_version() { return AGENA_VERSION; }

ProgramSpec program_spec(const Personality& personality, std::vector<HelpTerm>& terms) {
  terms = {{"program", std::string(personality.name)},
           {"data-dir", std::string(personality.data_dir)},
           {"local-config", std::string(personality.local_config_dir)},
           {"system-config", std::string(personality.system_config_dir)}};
  return {.name = personality.name,
          .version = personality.rkt_version.empty() ? own_version() : personality.rkt_version,
          .summary = kSummary,
          .description = kDescription,
          .commands = kSpecs,
          .global_options = global_options(),
          .terms = terms,
          .groups = kHelpGroups};
}

}  // namespace agena::stage0
