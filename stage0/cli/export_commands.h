// Rows of the commands that write images for others. Included by commands.cc only.
#pragma once

#include <array>

#include "stage0/cli/commands.h"
#include "stage0/cli/export_flags.h"

namespace agena::stage0 {

inline constexpr std::array<OptionList, 1> kImageExportLists = {kImageExportOptions};

inline constexpr std::array kExportRows = {
    CommandRow{.spec = {.name = "image export",
                        .summary = "Write an image to a file",
                        .usage = "[--compression=NAME] [--overwrite] IMAGE FILE",
                        .description =
                            "An ACI comes out byte for byte as it came in, uncompressed. What is there is "
                            "not replaced without --overwrite.",
                        .min_args = 2,
                        .max_args = 2,
                        .options = kImageExportLists,
                        .arguments = Completes::kImage},
               .run = cmd_image_export},
};

}  // namespace agena::stage0
