// Flags of the image commands that look after the store.
#pragma once

#include <array>
#include <string_view>

#include "common/base/options.h"

namespace agena::stage0 {

inline constexpr Option kImageGracePeriod = {.name = "grace-period",
                                             .value_name = "DURATION",
                                             .initial = "24h",
                                             .arity = OptionArity::kValue,
                                             .help = "how long an image is kept after its last use"};
inline constexpr Option kDryRun = {.name = "dry-run", .help = "only say what would be removed"};

// image cat-manifest
inline constexpr std::array<std::string_view, 2> kOciDocuments = {"manifest", "config"};
inline constexpr Option kOciDocument = {.name = "oci",
                                        .value_name = "DOCUMENT",
                                        .arity = OptionArity::kOptionalValue,
                                        .bare_value = "manifest",
                                        .help = "the exact bytes of the image's own manifest or config",
                                        .choices = kOciDocuments};
// image diff
inline constexpr Option kDiffApp = {.name = "app",
                                    .value_name = "APP",
                                    .arity = OptionArity::kValue,
                                    .help = "app of the pod; needed if it has several"};
// image extract, image render
inline constexpr Option kRootfsOnly = {.name = "rootfs-only",
                                       .help = "the root itself, without the manifest"};
inline constexpr Option kOverwriteDir = {.name = "overwrite",
                                         .help = "replace what is in the directory's place"};
// image verify
inline constexpr Option kAllImages = {.name = "all", .help = "all images of the store"};
inline constexpr Option kRepair = {.name = "repair",
                                   .help = "fetch what is damaged again from where the image came"};

}  // namespace agena::stage0
