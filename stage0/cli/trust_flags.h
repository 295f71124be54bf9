// The flags of `trust`.
#pragma once

#include <array>

#include "common/base/options.h"
#include "stage0/cli/command_options.h"

namespace agena::stage0 {

inline constexpr Option kTrustPrefix = {
    .name = "prefix",
    .value_name = "NAME",
    .arity = OptionArity::kValue,
    .help = "trust the keys for images of this name and all names below it"};
inline constexpr Option kTrustRoot = {.name = "root", .help = "trust the keys for all images"};
inline constexpr Option kSkipFingerprintReview = {.name = "skip-fingerprint-review",
                                                  .help = "trust the keys without asking"};
inline constexpr Option kInsecureAllowHttp = {.name = "insecure-allow-http",
                                              .help = "also look for keys, and load them, over plain http"};
inline constexpr Option kTrustList = {.name = "list", .help = "list the keys that are trusted"};
inline constexpr Option kTrustRemove = {.name = "remove",
                                        .value_name = "FINGERPRINT",
                                        .arity = OptionArity::kValue,
                                        .help = "trust this key no longer"};

inline constexpr std::array kTrustOptions = {
    &kFormat,    &kInsecureAllowHttp,    &kTrustList, &kTrustPrefix, &kTrustRemove,
    &kTrustRoot, &kSkipFingerprintReview};

}  // namespace agena::stage0
