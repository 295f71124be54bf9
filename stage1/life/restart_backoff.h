// How long the restart of an app is put off: longer each time it ends, from the beginning again once it has
// run for a while. Times are given, so that a test has its own clock.
#pragma once

#include <algorithm>

#include "common/base/time.h"

namespace agena::stage1 {

class RestartBackoff {
 public:
  static constexpr Nanoseconds kFirst = kSecond / 10;
  static constexpr Nanoseconds kLongest = 60 * kSecond;
  // An app that ran this long counts as one that works.
  static constexpr Nanoseconds kStable = 10 * kSecond;

  // Delay of the restart of an app that has just ended, after it ran for this long.
  Nanoseconds next(Nanoseconds ran_for) {
    if (ran_for >= kStable) delay_ = kFirst;
    const Nanoseconds delay = delay_;
    delay_ = std::min(2 * delay_, kLongest);
    return delay;
  }

 private:
  Nanoseconds delay_ = kFirst;
};

}  // namespace agena::stage1
