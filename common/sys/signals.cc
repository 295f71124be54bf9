#include "common/sys/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>
#include <string>
#include <vector>

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

Result<int> parse_signal(std::string_view text) {
  if (const auto number = parse_int(text, 1, SIGRTMAX)) return static_cast<int>(*number);
  constexpr std::string_view kPrefix = "SIG";
  constexpr std::string_view kLast = "RTMAX-";
  const std::string_view name = text.starts_with(kPrefix) ? text.substr(kPrefix.size()) : text;
  if (const int number = signal_number(name); number != 0) return number;
  if (name == "RTMAX") return SIGRTMAX;
  if (name.starts_with(kLast))
    if (const auto below = parse_int(name.substr(kLast.size()), 0, SIGRTMAX - SIGRTMIN))
      return SIGRTMAX - static_cast<int>(*below);
  std::vector<std::string> names;
  for (int number = 1; number < SIGRTMIN; ++number)
    if (const char* abbreviated = ::sigabbrev_np(number)) names.push_back(std::string(kPrefix) + abbreviated);
  Error error(ErrorKind::kInvalidInput, fmt::format("no signal: '{}'", printable(text)));
  const std::string best = closest(std::string(kPrefix) + std::string(name), names);
  if (best.empty()) return std::unexpected(std::move(error));
  return std::unexpected(std::move(error).with_hint(fmt::format("did you mean '{}'?", best)));
}

std::string signal_text(int signal) {
  const char* name = ::sigabbrev_np(signal);
  if (name != nullptr) return fmt::format("SIG{}", name);
  return fmt::format("SIGRTMIN+{}", signal - SIGRTMIN);
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
