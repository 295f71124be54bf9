#include "common/base/phase_timer.h"

#include <algorithm>

#include <fmt/core.h>

#include "common/base/trace.h"

namespace agena {
namespace {

double in_ms(Nanoseconds spent) { return static_cast<double>(spent) / 1e6; }

}  // namespace

PhaseTimer::PhaseTimer(Nanoseconds start) : start_(start != 0 ? start : monotonic_now()), last_(start_) {}

void PhaseTimer::end_phase(std::string_view name) {
  const Nanoseconds now = monotonic_now();
  trace::span(name, last_, now);
  account(name, now);
}

void PhaseTimer::reach(std::string_view name) {
  trace::instant(name);
  account(name, monotonic_now());
}

void PhaseTimer::account(std::string_view name, Nanoseconds now) {
  const Nanoseconds spent = now - last_;
  last_ = now;
  const auto it = std::ranges::find(phases_, name, &Phase::name);
  if (it != phases_.end())
    it->spent += spent;
  else
    phases_.push_back({std::string(name), spent});
}

std::string PhaseTimer::to_string() const {
  std::string text;
  for (const Phase& phase : phases_)
    text += fmt::format("{}{} {:.3f} ms", text.empty() ? "" : ", ", phase.name, in_ms(phase.spent));
  return text + fmt::format("; {:.3f} ms since the start", in_ms(last_ - start_));
}

}  // namespace agena
