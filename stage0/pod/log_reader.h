// Reading the log files of one app as they are written: across the files that were put aside, while they are
// being put aside, and to the end of a pod that runs.
#pragma once

#include <sys/types.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/contract/log_format.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

using contract::LogStream;

// A line of an app, put together from its records.
struct LogLine {
  Nanoseconds time = 0;  // of its first record
  LogStream stream = LogStream::kStdout;
  bool complete = true;   // ended by a newline; otherwise the rest comes later, or never came
  std::string_view text;  // without the newline
};

class LogReader {
 public:
  // The pod directory must outlive it. An app without log files is empty, and may get some later.
  LogReader(const sys::DirFd& pod_dir, std::string app) : pod_dir_(pod_dir), app_(std::move(app)) {}
  const std::string& app() const { return app_; }

  // The line at which the reader stands; nullptr if there is none (yet). Its text is good until advance().
  const LogLine* line() const { return line_ ? &*line_ : nullptr; }
  // Goes to the next line, if there is one by now.
  Result<> advance();
  // To be called when nothing will be written any more and advance() finds nothing: gives what was begun and
  // never ended, one stream after the other.
  void finish();
  // Whether files were deleted before they could be read, since this was asked last.
  bool take_gap() { return std::exchange(gap_, false); }

 private:
  // A line that has begun.
  struct Begun {
    Nanoseconds time = 0;
    std::string text;
  };
  Result<bool> read_more();
  Result<bool> open_oldest();
  Result<bool> open_next();
  Result<std::optional<int>> own_index() const;
  Result<std::optional<int>> open_below(int index, sys::UniqueFd& fd) const;
  Result<bool> are_neighbours(int lower, int index) const;
  Result<> use(sys::UniqueFd fd);
  bool take_record(std::string_view record);
  std::string_view unread() const { return std::string_view(buffer_).substr(head_); }

  const sys::DirFd& pod_dir_;
  std::string app_;
  sys::UniqueFd fd_;
  ino_t inode_ = 0;
  std::string buffer_;
  std::size_t head_ = 0;
  std::array<Begun, 2> begun_;  // by stream
  std::string text_;            // of a line that had to be put together
  std::optional<LogLine> line_;
  bool gap_ = false;
};

}  // namespace agena::stage0
