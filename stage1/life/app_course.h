// The course of one app: whether it runs, waits for its restart, or has ended for good. Decides by its
// restart policy; does nothing itself, and takes the time from its caller.
#pragma once

#include <cstdint>

#include "common/base/time.h"
#include "manifests/life/restart_policy.h"
#include "stage1/life/restart_backoff.h"

namespace agena::stage1 {

class AppCourse {
 public:
  enum class State { kNew, kRunning, kPutOff, kEnded };

  explicit AppCourse(life::RestartPolicy policy) : policy_(policy) {}

  State state() const { return state_; }
  std::uint32_t restarts() const { return restarts_; }
  int last_code() const { return last_code_; }
  // kPutOff: when it may start, on the monotonic clock.
  Nanoseconds restart_at() const { return restart_at_; }

  // Its program starts.
  void begin(Nanoseconds now);
  // It has ended with this code; `failed` tells whether that counts as a failure, `stopping` that nothing is
  // started any more. Afterwards the state is kPutOff or kEnded.
  void end(int code, bool failed, bool stopping, Nanoseconds now);
  // It is not started any more, wherever it was.
  void end_for_good() { state_ = State::kEnded; }

 private:
  bool wants_restart(bool failed) const;

  life::RestartPolicy policy_;
  RestartBackoff backoff_;
  State state_ = State::kNew;
  std::uint32_t restarts_ = 0;
  int last_code_ = 0;
  Nanoseconds began_at_ = 0;  // 0: the program was not reached since the last end
  Nanoseconds restart_at_ = 0;
};

}  // namespace agena::stage1
