// The `app` group of the command table: mutable pods, whose apps come and go while they run. Only for
// commands.cc.
#pragma once

#include <array>

#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/life_flags.h"
#include "stage0/cli/pod_flags.h"
#include "stage0/cli/resource_flags.h"
#include "stage0/cli/sandbox_flags.h"
#include "stage0/cli/volume_flags.h"

namespace agena::stage0 {

inline constexpr auto kAppSandboxLists =
    std::to_array<OptionList>({kStage1Options, kRootOptions, kPodResourceOptions, kLaunchOptions, kRunOptions,
                               kPodLifeOptions, kPodNameOptions, kKernelOptions, kSandboxOptions});

inline constexpr std::array kAppRows = {
    CommandRow{.spec = {.name = "app",
                        .summary = "Add apps to a pod that runs, and operate on them",
                        .description = "Apps come and go in pods that '{program} app sandbox' has made."}},
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
        .failure = contract::kExitUuidFile},
};

}  // namespace agena::stage0
