#include "stage1/life/app_course.h"

namespace agena::stage1 {

void AppCourse::begin(Nanoseconds now) {
  if (state_ == State::kEnded) return;
  state_ = State::kRunning;
  began_at_ = now;
}

bool AppCourse::wants_restart(bool failed) const {
  switch (policy_.when) {
    case life::RestartPolicy::When::kNo:
      return false;
    case life::RestartPolicy::When::kOnFailure:
      return failed && (!policy_.most || restarts_ < *policy_.most);
    case life::RestartPolicy::When::kAlways:
      return true;
  }
  return false;
}

void AppCourse::end(int code, bool failed, bool stopping, Nanoseconds now) {
  if (state_ == State::kEnded) return;
  last_code_ = code;
  if (stopping || !wants_restart(failed)) {
    state_ = State::kEnded;
    return;
  }
  // A program that was not reached has not run at all.
  restart_at_ = now + backoff_.next(began_at_ == 0 ? 0 : now - began_at_);
  began_at_ = 0;
  ++restarts_;
  state_ = State::kPutOff;
}

}  // namespace agena::stage1
