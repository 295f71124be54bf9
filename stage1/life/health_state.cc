#include "stage1/life/health_state.h"

#include <algorithm>

namespace agena::stage1 {

void HealthState::start(Nanoseconds now) {
  health_ = Health::kStarting;
  failures_ = 0;
  lenient_until_ = now + check_.start_period + check_.interval;
  pause_ = std::min(kFirstPause, check_.interval);
  next_ = now + pause_;
}

bool HealthState::checked(bool success, Nanoseconds now) {
  const Health before = health_;
  if (success) {
    health_ = Health::kHealthy;
    failures_ = 0;
  } else if (health_ != Health::kStarting || now >= lenient_until_) {
    failures_ = std::min(failures_ + 1, check_.retries);
    if (failures_ >= check_.retries) health_ = Health::kUnhealthy;
  }
  pause_ = health_ == Health::kStarting ? std::min(2 * pause_, check_.interval) : check_.interval;
  next_ = now + pause_;
  return health_ != before;
}

}  // namespace agena::stage1
