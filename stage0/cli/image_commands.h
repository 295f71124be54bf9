// The `image` group of the command table, and what it shares with `fetch`. Only for commands.cc.
#pragma once

#include <array>
#include <string_view>

#include "stage0/cli/app_flags.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/image_care_flags.h"
#include "stage0/cli/pod_flags.h"

namespace agena::stage0 {

inline constexpr std::string_view kImagesText =
    "IMAGE is an image id of the store or the first digits of one, the path of an ACI, "
    "oci:PATH[:TAG|@DIGEST], "
    "docker-archive:PATH[:REF], or a name. Flags of an app follow its image; before the first image they are "
    "for all apps. Arguments for the app stand between "
    "'--' and '---' (or the end): those of an ACI are added to its exec, those of an OCI or docker image "
    "take the "
    "place of its Cmd.";

inline constexpr std::array kFetchOnlyOptions = {&kFull};
inline constexpr std::array<OptionList, 3> kFetchLists = {kFetchOnlyOptions, kFetchPullOptions,
                                                          kSignatureOptions};
inline constexpr std::array kImageListOptions = {&kFields, &kFormat, &kFull, &kNoLegend, &kOrder, &kSort};
inline constexpr std::array<OptionList, 1> kImageListLists = {kImageListOptions};
inline constexpr std::array kPrettyPrintOptions = {&kPrettyPrint};
inline constexpr std::array kImageCatManifestOptions = {&kOciDocument, &kPrettyPrint};
inline constexpr std::array<OptionList, 1> kImageCatManifestLists = {kImageCatManifestOptions};
inline constexpr std::array<OptionList, 1> kPrettyPrintLists = {kPrettyPrintOptions};

inline constexpr std::array kImageTagsOptions = {&kFormat};
inline constexpr std::array<OptionList, 1> kImageTagsLists = {kImageTagsOptions};

inline constexpr std::array kImageRows = {
    CommandRow{.spec = {.name = "image", .summary = "Operate on the images in the store"}},
    CommandRow{.spec = {.name = "image cat-manifest",
                        .summary = "Print the appc manifest of an image",
                        .usage = "IMAGE",
                        .min_args = 1,
                        .max_args = 1,
                        .options = kImageCatManifestLists,
                        .arguments = Completes::kImage},
               .run = cmd_image_cat_manifest},
    CommandRow{.spec = {.name = "image fetch",
                        .summary = "Bring images into the store and print their ids",
                        .usage = "IMAGE…",
                        .description = kImagesText,
                        .hidden = true,
                        .options = kFetchLists,
                        .arguments = Completes::kFile},
               .run = cmd_fetch,
               .takes_images = true,
               .app_options = kSignatureOptions},
    CommandRow{
        .spec = {.name = "image list", .summary = "List the images in the store", .options = kImageListLists},
        .run = cmd_image_list},
    CommandRow{.spec = {.name = "image rm",
                        .summary = "Remove images from the store",
                        .usage = "IMAGE…",
                        .description = "Pods keep what they are made of, so images in use may be removed.",
                        .min_args = 1,
                        .max_args = CommandSpec::kAnyNumber,
                        .arguments = Completes::kImage},
               .run = cmd_image_rm},
    CommandRow{.spec = {.name = "image tags",
                        .summary = "List the tags that a registry has of a name",
                        .usage = "[docker://]HOST/NAME",
                        .min_args = 1,
                        .max_args = 1,
                        .options = kImageTagsLists},
               .run = cmd_image_tags},
};

}  // namespace agena::stage0
