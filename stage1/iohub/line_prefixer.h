// Turns a stream of bytes into console lines as rkt's pods print them: "[ secs.micros] app[pid]: text".
#pragma once

#include <string>
#include <string_view>

#include "common/base/time.h"

namespace agena::stage1 {

class LinePrefixer {
 public:
  // A longer line is printed in pieces of this size, so that an endless line cannot fill memory (journald's
  // default LineMax).
  static constexpr std::size_t kMaxLine = 48U << 10U;

  LinePrefixer(std::string app, int pid) : identifier_(std::move(app) + "[" + std::to_string(pid) + "]: ") {}

  // The complete lines that these bytes finish; a rest is kept. `monotonic` is the time for the prefix.
  std::string feed(std::string_view bytes, Nanoseconds monotonic);
  // The last line, if it has no newline (which is added).
  std::string finish(Nanoseconds monotonic);

 private:
  void append_line(std::string& out, std::string_view line, Nanoseconds monotonic) const;

  std::string identifier_;
  std::string rest_;
};

}  // namespace agena::stage1
