// Rows of the commands that write images for others. Included by commands.cc only.
#pragma once

#include <array>

#include "stage0/cli/commands.h"
#include "stage0/cli/export_flags.h"

namespace agena::stage0 {

inline constexpr std::array<OptionList, 1> kImageExportLists = {kImageExportOptions};

inline constexpr std::array<OptionList, 1> kImagePushLists = {kImagePushOptions};
inline constexpr std::array<OptionList, 1> kExportLists = {kExportOptions};

inline constexpr std::array kExportRows = {
    CommandRow{
        .spec = {.name = "export",
                 .summary = "Write an app of a pod to a file, as an image",
                 .usage = "[--app=APP] [--to=FORMAT] [--compression=NAME] [--overwrite] UUID FILE",
                 .description =
                     "An ACI (compressed by gzip) holds the app's whole root. As an OCI layout or a docker "
                     "archive the image's own layers are followed by one that holds only the changes. "
                     "oci:DIR[:TAG] in place of FILE is a layout as a directory. A running pod is exported "
                     "while it runs.",
                 .min_args = 2,
                 .max_args = 2,
                 .needs = kNeedsRoot,
                 .options = kExportLists,
                 .arguments = Completes::kPod},
        .run = cmd_export},
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
    CommandRow{.spec = {.name = "image push",
                        .summary = "Put an image into a registry",
                        .usage = "[--compression=NAME] IMAGE docker://HOST/NAME:TAG",
                        .description =
                            "Prints the digest of the manifest. What the registry has is not sent. Without "
                            "--compression, layers that the registry has as they were fetched stay so, and "
                            "others are compressed by gzip.",
                        .min_args = 2,
                        .max_args = 2,
                        .options = kImagePushLists,
                        .arguments = Completes::kImage},
               .run = cmd_image_push},
};

}  // namespace agena::stage0
