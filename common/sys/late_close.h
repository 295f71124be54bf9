// Closing descriptors whose last close makes the kernel wait.
#pragma once

#include <span>

#include "common/sys/fd.h"

namespace agena::sys {

// Second references to these descriptors. When the value ends as the last one that has them, the kernel drops
// them in a worker of its own, and nobody waits: they are fixed files of an io_uring. Empty where the kernel
// refuses that (io_uring disabled, no permission): then the close just takes its time.
UniqueFd hold_for_late_close(std::span<const int> descriptors);

}  // namespace agena::sys
