// Flags of the commands that write images for others: `image export`, `export`, `image push`.
#pragma once

#include <array>
#include <string_view>

#include "common/base/options.h"

namespace agena::stage0 {

inline constexpr std::array<std::string_view, 3> kExportFormats = {"aci", "oci", "docker-archive"};
inline constexpr std::array<std::string_view, 3> kCompressions = {"none", "gzip", "zstd"};

inline constexpr Option kExportTo = {.name = "to",
                                     .value_name = "FORMAT",
                                     .arity = OptionArity::kValue,
                                     .help = "aci (the default), oci or docker-archive",
                                     .choices = kExportFormats};
inline constexpr Option kCompression = {.name = "compression",
                                        .value_name = "NAME",
                                        .arity = OptionArity::kValue,
                                        .help = "none, gzip or zstd; the default is the format's",
                                        .choices = kCompressions};
inline constexpr Option kOverwrite = {.name = "overwrite", .help = "replace a target that exists"};

// export
inline constexpr Option kExportApp = {.name = "app",
                                      .value_name = "APP",
                                      .arity = OptionArity::kValue,
                                      .help = "app to export; needed if the pod has several"};
inline constexpr std::array kExportOptions = {&kExportApp, &kCompression, &kOverwrite, &kExportTo};
inline constexpr std::array kImagePushOptions = {&kCompression};
inline constexpr std::array kImageExportOptions = {&kCompression, &kOverwrite, &kExportTo};

}  // namespace agena::stage0
