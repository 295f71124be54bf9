// Cuts a stream of bytes into lines.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace agena::stage1 {

class LineSplitter {
 public:
  // A longer line comes in pieces of this size, so that an endless line cannot fill memory (journald's
  // default LineMax).
  static constexpr std::size_t kMaxLine = 48U << 10U;

  // Calls take(text, complete) for each line that these bytes finish, without its newline, and for each piece
  // of one that is too long (complete is false then). A rest is kept.
  template <class Take>
  void feed(std::string_view bytes, Take take) {
    while (true) {
      const std::size_t end = bytes.find('\n');
      const std::size_t room = kMaxLine - rest_.size();
      if (end == std::string_view::npos && bytes.size() < room) break;
      const std::size_t taken = std::min(end, room);
      give(bytes.substr(0, taken), taken == end, take);
      bytes.remove_prefix(taken == end ? taken + 1 : taken);
    }
    rest_.append(bytes);
  }

  // The last line, if it has no newline.
  template <class Take>
  void finish(Take take) {
    if (!rest_.empty()) take(std::string_view(rest_), false);
    rest_.clear();
  }

 private:
  template <class Take>
  void give(std::string_view text, bool complete, Take take) {
    if (rest_.empty()) {
      take(text, complete);
      return;
    }
    rest_.append(text);
    take(std::string_view(rest_), complete);
    rest_.clear();
  }

  std::string rest_;
};

}  // namespace agena::stage1
