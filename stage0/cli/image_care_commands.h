// The rows of the image group that look after the store and look into images. Only for commands.cc.
#pragma once

#include <array>

#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/image_care_flags.h"

namespace agena::stage0 {

inline constexpr std::array kImageGcOptions = {&kDryRun, &kFormat, &kImageGracePeriod};
inline constexpr std::array<OptionList, 1> kImageGcLists = {kImageGcOptions};
inline constexpr std::array kImageHistoryOptions = {&kFormat, &kFull, &kNoLegend};
inline constexpr std::array<OptionList, 1> kImageHistoryLists = {kImageHistoryOptions};
inline constexpr std::array kImageInspectOptions = {&kFormat};
inline constexpr std::array<OptionList, 1> kImageInspectLists = {kImageInspectOptions};

inline constexpr std::array kImageCareRows = {
    CommandRow{.spec = {.name = "image gc",
                        .summary = "Remove images that nobody has used for a while",
                        .description =
                            "Images that a pod is made of stay, as do those that others depend on. Layers "
                            "that nothing uses any more are deleted, unless an import is running: then the "
                            "next gc does that.",
                        .options = kImageGcLists},
               .run = cmd_image_gc},
    CommandRow{.spec = {.name = "image history",
                        .summary = "Show how an image was made, the last step first",
                        .usage = "IMAGE",
                        .description = "For an ACI: the image and those that it depends on.",
                        .min_args = 1,
                        .max_args = 1,
                        .options = kImageHistoryLists,
                        .arguments = Completes::kImage},
               .run = cmd_image_history},
    CommandRow{.spec = {.name = "image inspect",
                        .summary = "Show all that is known of images",
                        .usage = "IMAGE…",
                        .min_args = 1,
                        .max_args = CommandSpec::kAnyNumber,
                        .options = kImageInspectLists,
                        .arguments = Completes::kImage},
               .run = cmd_image_inspect},
    CommandRow{.spec = {.name = "image tag",
                        .summary = "Give an image further names",
                        .usage = "IMAGE NAME…",
                        .description = "NAME is [HOST[:PORT]/]NAME[:TAG]; without a host it is one of "
                                       "docker.io, without a tag 'latest'. Another image of that name loses "
                                       "it.",
                        .min_args = 2,
                        .max_args = CommandSpec::kAnyNumber,
                        .arguments = Completes::kImage},
               .run = cmd_image_tag},
};

}  // namespace agena::stage0
