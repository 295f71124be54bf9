// The rows of the image group that look after the store and look into images. Only for commands.cc.
#pragma once

#include <array>

#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/image_care_flags.h"

namespace agena::stage0 {

inline constexpr std::array kImageDfOptions = {&kFormat};
inline constexpr std::array<OptionList, 1> kImageDfLists = {kImageDfOptions};
inline constexpr std::array kImageDiffOptions = {&kDiffApp, &kFormat};
inline constexpr std::array<OptionList, 1> kImageDiffLists = {kImageDiffOptions};
inline constexpr std::array kImageExtractOptions = {&kOverwriteDir, &kRootfsOnly};
inline constexpr std::array<OptionList, 1> kImageExtractLists = {kImageExtractOptions};
inline constexpr std::array kImageImportRktOptions = {&kFormat};
inline constexpr std::array<OptionList, 1> kImageImportRktLists = {kImageImportRktOptions};
inline constexpr std::array kImageVerifyOptions = {&kAllImages, &kFormat, &kRepair};
inline constexpr std::array<OptionList, 1> kImageVerifyLists = {kImageVerifyOptions};
inline constexpr std::array kImageGcOptions = {&kDryRun, &kFormat, &kImageGracePeriod};
inline constexpr std::array<OptionList, 1> kImageGcLists = {kImageGcOptions};
inline constexpr std::array kImageHistoryOptions = {&kFormat, &kFull, &kNoLegend};
inline constexpr std::array<OptionList, 1> kImageHistoryLists = {kImageHistoryOptions};
inline constexpr std::array kImageInspectOptions = {&kFormat};
inline constexpr std::array<OptionList, 1> kImageInspectLists = {kImageInspectOptions};

inline constexpr std::array kImageCareRows = {
    CommandRow{.spec = {.name = "image df",
                        .summary = "Show what takes room in the store",
                        .options = kImageDfLists},
               .run = cmd_image_df},
    CommandRow{.spec = {.name = "image diff",
                        .summary = "Show how two images differ, or an app's root from its image",
                        .usage = "IMAGE IMAGE | [--app=APP] UUID",
                        .description = "Lines of A (added), C (changed) or D (deleted) and the path.",
                        .min_args = 1,
                        .max_args = 2,
                        .needs = kNeedsRoot,
                        .options = kImageDiffLists,
                        .arguments = Completes::kImage},
               .run = cmd_image_diff},
    CommandRow{.spec = {.name = "image extract",
                        .summary = "Write the files of an image to a directory",
                        .usage = "IMAGE DIRECTORY",
                        .description = "Of an ACI only its own files, not those of its dependencies.",
                        .min_args = 2,
                        .max_args = 2,
                        .needs = kNeedsRoot,
                        .options = kImageExtractLists,
                        .arguments = Completes::kImage},
               .run = cmd_image_extract},
    CommandRow{.spec = {.name = "image import-rkt",
                        .summary = "Bring in the images of a store of rkt",
                        .usage = "DIRECTORY",
                        .description = "DIRECTORY is rkt's data directory, /var/lib/rkt, or the cas in it. "
                                       "Nothing is written there.",
                        .min_args = 1,
                        .max_args = 1,
                        .needs = kNeedsRoot,
                        .options = kImageImportRktLists,
                        .arguments = Completes::kDirectory},
               .run = cmd_image_import_rkt},
    CommandRow{.spec = {.name = "image render",
                        .summary = "Write the root of an image to a directory",
                        .usage = "IMAGE DIRECTORY",
                        .description = "With the files of its dependencies, as an app sees it.",
                        .min_args = 2,
                        .max_args = 2,
                        .needs = kNeedsRoot,
                        .options = kImageExtractLists,
                        .arguments = Completes::kImage},
               .run = cmd_image_render},
    CommandRow{.spec = {.name = "image verify",
                        .summary = "Check the unpacked layers of images, and repair them",
                        .usage = "[--repair] IMAGE… | --all",
                        .max_args = CommandSpec::kAnyNumber,
                        .options = kImageVerifyLists,
                        .arguments = Completes::kImage},
               .run = cmd_image_verify},
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
