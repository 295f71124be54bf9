// The health of one app by the outcomes of its checks, and when the next check is due. Takes the time from
// its caller.
#pragma once

#include <cstdint>

#include "common/base/time.h"
#include "common/contract/app_life_file.h"
#include "manifests/life/health_check.h"

namespace agena::stage1 {

using contract::Health;

class HealthState {
 public:
  explicit HealthState(const life::HealthCheck& check) : check_(check) {}

  Health health() const { return health_; }
  std::uint32_t failures() const { return failures_; }
  // When the next check is due.
  Nanoseconds next_check() const { return next_; }

  // The app has started. Until it has been healthy once it is checked more often than it will be later, at
  // first kFirstPause after the start, so that readiness is noticed soon; what fails before the start period
  // and one interval are over does not count.
  void start(Nanoseconds now);
  // A check has ended. True if that changed the health.
  bool checked(bool success, Nanoseconds now);

 private:
  static constexpr Nanoseconds kFirstPause = kSecond / 4;

  const life::HealthCheck& check_;
  Health health_ = Health::kStarting;
  std::uint32_t failures_ = 0;
  Nanoseconds lenient_until_ = 0;
  Nanoseconds pause_ = kFirstPause;
  Nanoseconds next_ = 0;
};

}  // namespace agena::stage1
