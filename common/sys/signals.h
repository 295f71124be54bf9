// Signals as descriptors.
#pragma once

#include <signal.h>

#include <initializer_list>
#include <optional>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

// Blocks the signals in this thread and delivers them through a signalfd (non-blocking).
Result<UniqueFd> open_signalfd(std::initializer_list<int> signals);
// The next signal that is pending on a signalfd; nullopt if there is none.
Result<std::optional<int>> next_signal(const UniqueFd& signalfd);

}  // namespace agena::sys
