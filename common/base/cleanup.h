// A guard that runs a noexcept callable at the end of a scope, unless it is dismissed.
#pragma once

#include <utility>

namespace agena {

template <class Fn>
class [[nodiscard]] Cleanup {
 public:
  explicit Cleanup(Fn fn) : fn_(std::move(fn)) {}
  Cleanup(const Cleanup&) = delete;
  Cleanup& operator=(const Cleanup&) = delete;
  Cleanup(Cleanup&&) = delete;
  Cleanup& operator=(Cleanup&&) = delete;
  ~Cleanup() {
    if (armed_) fn_();
  }
  void dismiss() { armed_ = false; }

 private:
  Fn fn_;
  bool armed_ = true;
};

}  // namespace agena
