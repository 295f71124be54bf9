// Recognises what a user types to leave a terminal that belongs to an app: Ctrl-P Ctrl-Q, or ^] three times
// within a second.
#pragma once

#include <string>
#include <string_view>

#include "common/base/time.h"

namespace agena::stage1 {

class DetachKeys {
 public:
  // Appends to `out` what goes to the app; true once the keys were typed. A Ctrl-P waits for the key behind
  // it.
  bool feed(std::string_view typed, Nanoseconds monotonic, std::string& out);

 private:
  bool held_ = false;  // a Ctrl-P
  int escapes_ = 0;
  Nanoseconds first_escape_ = 0;
};

}  // namespace agena::stage1
