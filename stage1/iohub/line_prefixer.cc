#include "stage1/iohub/line_prefixer.h"

#include <fmt/format.h>

namespace agena::stage1 {

void LinePrefixer::append_line(std::string& out, std::string_view line, Nanoseconds monotonic) const {
  // journald's console forward: seconds in five columns, microseconds.
  fmt::format_to(std::back_inserter(out), "[{:5}.{:06}] ", monotonic / kSecond, monotonic % kSecond / 1000);
  out.append(identifier_).append(line).push_back('\n');
}

std::string LinePrefixer::feed(std::string_view bytes, Nanoseconds monotonic) {
  std::string out;
  while (true) {
    const std::size_t end = bytes.find('\n');
    const std::size_t room = kMaxLine - rest_.size();
    if (end == std::string_view::npos && bytes.size() < room) break;
    const std::size_t taken = std::min(end, room);
    if (rest_.empty()) {
      append_line(out, bytes.substr(0, taken), monotonic);
    } else {
      rest_.append(bytes.substr(0, taken));
      append_line(out, rest_, monotonic);
      rest_.clear();
    }
    bytes.remove_prefix(taken == end ? taken + 1 : taken);
  }
  rest_.append(bytes);
  return out;
}

std::string LinePrefixer::finish(Nanoseconds monotonic) {
  std::string out;
  if (!rest_.empty()) append_line(out, rest_, monotonic);
  rest_.clear();
  return out;
}

}  // namespace agena::stage1
