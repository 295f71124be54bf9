// An account of where the time of a command goes, phase by phase (--debug). Owned by whoever runs the phases.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"

namespace agena {

class PhaseTimer {
 public:
  // The account begins at this monotonic time; 0 means now.
  explicit PhaseTimer(Nanoseconds start = 0);

  Nanoseconds start() const { return start_; }
  // Ends the current phase under this name; the next one begins. Equal names add up. A span of the trace, if
  // there is one.
  void end_phase(std::string_view name);
  // The same where the phase was waiting for something to come: an instant of the trace.
  void reach(std::string_view name);
  // "store 0.412 ms, resolve 0.093 ms, …; 1.204 ms since the start".
  std::string to_string() const;

 private:
  struct Phase {
    std::string name;
    Nanoseconds spent;
  };
  void account(std::string_view name, Nanoseconds now);
  Nanoseconds start_;
  Nanoseconds last_;
  std::vector<Phase> phases_;
};

}  // namespace agena
