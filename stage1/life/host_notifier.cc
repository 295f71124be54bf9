#include "stage1/life/host_notifier.h"

#include <unistd.h>

#include <cstdlib>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/sys/notify.h"

namespace agena::stage1 {
namespace {

constexpr Nanoseconds kMicrosecond = 1000;

// A positive number of the environment, or 0.
std::int64_t number_of(const char* variable) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the supervisor has one thread.
  const char* text = std::getenv(variable);
  return parse_int(text == nullptr ? "" : text, 0, INT64_MAX / kMicrosecond).value_or(0);
}

}  // namespace

void HostNotifier::answer_watchdog() {
  const Nanoseconds limit = number_of("WATCHDOG_USEC") * kMicrosecond;
  const std::int64_t pid = number_of("WATCHDOG_PID");
  if (limit == 0 || (pid != 0 && pid != ::getpid())) return;
  send_alive(limit / 2);
}

void HostNotifier::send_alive(Nanoseconds interval) {
  tell("WATCHDOG=1");
  watchdog_ = loop_.add_timer(monotonic_now() + interval, [this, interval]() -> Result<> {
    send_alive(interval);
    return {};
  });
}

void HostNotifier::tell(std::string_view state) const {
  if (const auto told = sys::notify_manager(state); !told)
    log::warning("warning: {}", told.error().to_string());
}

void HostNotifier::tell_reloading() const {
  tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_now() / kMicrosecond));
}

}  // namespace agena::stage1
