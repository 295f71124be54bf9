// Rows of the commands that write images for others. Included by commands.cc only.
#pragma once

#include <array>

#include "stage0/cli/commands.h"
#include "stage0/cli/export_flags.h"

namespace agena::stage0 {

inline constexpr std::array<OptionList, 1> kImageExportLists = {kImageExportOptions};

inline constexpr std::array kExportRows = {
    CommandRow{
        .spec = {.name = "image export",
                 .summary = "Write an image to a file",
                 .usage = "[--to=FORMAT] [--compression=NAME] [--overwrite] IMAGE FILE",
                 .description =
                     "An ACI comes out byte for byte as it came in, and layers of OCI and docker images "
                     "with their diffIDs. FILE is an ACI, a tar of an OCI layout or a docker archive; "
                     "oci:DIR[:TAG] is a layout as a directory. ACIs and docker archives are not "
                     "compressed by default, layers of OCI layouts by gzip.",
                 .min_args = 2,
                 .max_args = 2,
                 .options = kImageExportLists,
                 .arguments = Completes::kImage},
        .run = cmd_image_export},
};

}  // namespace agena::stage0
