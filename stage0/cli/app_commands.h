// The `app` group of the command table: mutable pods, whose apps come and go while they run. Only for
// commands.cc.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "stage0/cli/app_command_flags.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/image_options.h"
#include "stage0/cli/life_flags.h"
#include "stage0/cli/pod_flags.h"
#include "stage0/cli/resource_flags.h"
#include "stage0/cli/sandbox_flags.h"
#include "stage0/cli/trace_flags.h"
#include "stage0/cli/volume_flags.h"

namespace agena::stage0 {

inline constexpr auto kAppSandboxLists = std::to_array<OptionList>(
    {kStage1Options, kRootOptions, kPodResourceOptions, kLaunchOptions, kRunOptions, kPodLifeOptions,
     kPodNameOptions, kKernelOptions, kSandboxOptions, kTraceOptions});

inline constexpr std::array kAppListOptions = {&kFormat, &kNoLegend};
inline constexpr std::array<OptionList, 1> kAppListLists = {kAppListOptions};
inline constexpr std::array kAppStatusOptions = {&kAppOfPod, &kFormat};
inline constexpr std::array<OptionList, 1> kAppStatusLists = {kAppStatusOptions};

// A command of the group that is another command under a name of its own, or with code of its own.
consteval CommandRow as_app_command(std::span<const CommandRow> rows, std::string_view command,
                                    std::string_view name, CommandFunction run = nullptr) {
  CommandRow row = *std::ranges::find(rows, command, [](const CommandRow& one) { return one.spec.name; });
  row.spec.name = name;
  if (run != nullptr) row.run = run;
  return row;
}

inline constexpr std::array kAppOperationOptions = {&kAppOfPod, &kAppTimeout};
inline constexpr std::array kAppStopOptions = {&kAppStopTime};
inline constexpr std::array<OptionList, 2> kAppAddLists = {kAddOptions, kOptionsOfImages};
inline constexpr std::array<OptionList, 1> kAppOperationLists = {kAppOperationOptions};
inline constexpr std::array<OptionList, 2> kAppStopLists = {kAppOperationOptions, kAppStopOptions};
inline constexpr std::array<OptionList, 2> kAppUpdateLists = {kAppOperationOptions, kLimitOptions};

inline constexpr std::array kAppRows = {
    CommandRow{.spec = {.name = "app",
                        .summary = "Add apps to a pod that runs, and operate on them",
                        .description = "Apps come and go in pods that '{program} app sandbox' has made."}},
    CommandRow{
        .spec =
            {.name = "app add",
             .summary = "Add an app to a running pod",
             .usage = "UUID IMAGE [APP FLAGS] [-- ARG…]",
             .description =
                 "The app does not run until it is started. Arguments take the place of those in the exec of "
                 "an ACI, and of the Cmd of an OCI or docker image.",
             .needs = kNeedsRoot,
             .options = kAppAddLists,
             .arguments = Completes::kPod},
        .run = cmd_app_add,
        .takes_images = true,
        .app_options = kOptionsOfImages,
        .leading_app_options = kOptionsOfImages,
        .failure = contract::kExitAppOperation},
    CommandRow{
        .spec = {.name = "app rm",
                 .summary = "Remove an app from a pod",
                 .usage = "UUID --app=APP",
                 .description = "An app that runs is stopped. What it has written to its root is deleted; "
                                "its log stays until the pod is deleted.",
                 .min_args = 1,
                 .max_args = 2,
                 .needs = kNeedsRoot,
                 .options = kAppOperationLists,
                 .arguments = Completes::kPod},
        .run = cmd_app_rm,
        .failure = contract::kExitAppOperation},
    CommandRow{.spec = {.name = "app list",
                        .summary = "List the apps of a pod",
                        .usage = "[FLAGS] UUID",
                        .min_args = 1,
                        .max_args = 1,
                        .options = kAppListLists,
                        .arguments = Completes::kPod},
               .run = cmd_app_list,
               .failure = contract::kExitAppOperation},
    CommandRow{
        .spec = {.name = "app sandbox",
                 .summary = "Run a pod without apps, to which apps are added while it runs",
                 .usage = "[FLAGS]",
                 .description =
                     "The pod ends when it is stopped, not with its apps. With --detach it runs in the "
                     "background, in a session of its own, and its UUID is printed when apps may be added.",
                 .needs = kNeedsRoot,
                 .options = kAppSandboxLists},
        .run = cmd_app_sandbox,
        .failure = contract::kExitAppOperation},
    CommandRow{.spec = {.name = "app status",
                        .summary = "Show the status of an app",
                        .usage = "[FLAGS] UUID --app=APP",
                        .min_args = 1,
                        .max_args = 2,
                        .options = kAppStatusLists,
                        .arguments = Completes::kPod},
               .run = cmd_app_status,
               .failure = contract::kExitAppOperation},
    CommandRow{.spec = {.name = "app start",
                        .summary = "Start an app of a running pod",
                        .usage = "UUID --app=APP",
                        .min_args = 1,
                        .max_args = 2,
                        .needs = kNeedsRoot,
                        .options = kAppOperationLists,
                        .arguments = Completes::kPod},
               .run = cmd_app_start,
               .failure = contract::kExitAppOperation},
    CommandRow{.spec = {.name = "app stop",
                        .summary = "Stop an app of a running pod",
                        .usage = "[--time=DURATION] UUID --app=APP",
                        .min_args = 1,
                        .max_args = 2,
                        .needs = kNeedsRoot,
                        .options = kAppStopLists,
                        .arguments = Completes::kPod},
               .run = cmd_app_stop,
               .failure = contract::kExitAppOperation},
    CommandRow{.spec = {.name = "app update",
                        .summary = "Change the limits of an app of a running pod",
                        .usage = "UUID --app=APP LIMITS",
                        .min_args = 1,
                        .max_args = 2,
                        .needs = kNeedsRoot,
                        .options = kAppUpdateLists,
                        .arguments = Completes::kPod},
               .run = cmd_app_update,
               .failure = contract::kExitAppOperation},
};

}  // namespace agena::stage0
