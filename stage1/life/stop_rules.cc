#include "stage1/life/stop_rules.h"

#include <signal.h>

#include <algorithm>

#include "common/sys/signals.h"

namespace agena::stage1 {

int stop_signal_of(const PodApp& app) {
  // The text was checked when the pod was read.
  return app.life.stop_signal.empty() ? SIGTERM : sys::parse_signal(app.life.stop_signal).value_or(SIGTERM);
}

Nanoseconds stop_patience(const Pod& pod) {
  constexpr Nanoseconds kMore = 5 * kSecond;
  Nanoseconds longest = 0;
  for (const PodApp& app : pod.apps) {
    const Nanoseconds grace = app.life.stop_timeout.value_or(life::kStopTimeout);
    const bool handler = schema::find_event_handler(app.app, schema::AppEvent::kPostStop) != nullptr;
    longest = std::max(longest, handler ? 2 * grace : grace);
  }
  return longest + kMore;
}

}  // namespace agena::stage1
