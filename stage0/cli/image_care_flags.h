// Flags of the image commands that look after the store.
#pragma once

#include <array>

#include "common/base/options.h"

namespace agena::stage0 {

inline constexpr Option kImageGracePeriod = {.name = "grace-period",
                                             .value_name = "DURATION",
                                             .initial = "24h",
                                             .arity = OptionArity::kValue,
                                             .help = "how long an image is kept after its last use"};
inline constexpr Option kDryRun = {.name = "dry-run", .help = "only say what would be removed"};

}  // namespace agena::stage0
