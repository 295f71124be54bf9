// Signals as descriptors.
#pragma once

#include <signal.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

// Blocks the signals in this thread and delivers them through a signalfd (non-blocking).
Result<UniqueFd> open_signalfd(std::initializer_list<int> signals);
// The next signal that is pending on a signalfd; nullopt if there is none.
Result<std::optional<int>> next_signal(const UniqueFd& signalfd);

// Number of a signal as people write it: "SIGTERM", "TERM", "15", "SIGRTMIN+3", "RTMAX-1".
Result<int> parse_signal(std::string_view text);
// The inverse, as systemd takes it: "SIGTERM", "SIGRTMIN+3".
std::string signal_text(int signal);
// Number of a signal by its name without "SIG" ("TERM", "RTMIN+3"), as systemd and kill(1) print it; 0 if
// there is none.
int signal_number(std::string_view name);

}  // namespace agena::sys
