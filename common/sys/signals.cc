#include "common/sys/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cstring>

#include "common/base/strings.h"

namespace agena::sys {

Result<UniqueFd> open_signalfd(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return sys_fail("blocking signals");
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return sys_fail("opening a signalfd");
  return fd;
}

Result<std::optional<int>> next_signal(const UniqueFd& signalfd) {
  signalfd_siginfo info{};
  const ssize_t n = ::read(signalfd.get(), &info, sizeof info);
  if (n == static_cast<ssize_t>(sizeof info)) return std::optional(static_cast<int>(info.ssi_signo));
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::optional<int>();
  return sys_fail("reading a signal");
}

int signal_number(std::string_view name) {
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    const char* known = ::sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  constexpr std::string_view kRealTime = "RTMIN";
  if (!name.starts_with(kRealTime)) return 0;
  std::string_view offset = name.substr(kRealTime.size());
  if (offset.empty()) return SIGRTMIN;
  if (!offset.starts_with('+')) return 0;
  const auto number = parse_int(offset.substr(1), 0, SIGRTMAX - SIGRTMIN);
  return number ? SIGRTMIN + static_cast<int>(*number) : 0;
}

}  // namespace agena::sys
