// Lines of a pod's log files, which stage1 writes and stage0 reads: the format of Kubernetes' runtime
// interface, "2026-01-02T03:04:05.000000006Z stdout F text\n", P in the place of F for a piece of a line that
// goes on in the stream's next record.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace agena::contract {

enum class LogStream { kStdout, kStderr };
// "stdout", "stderr".
std::string_view name_of(LogStream stream);

// Longest text of one record; longer lines are told in pieces (what the kubelet reads in one go).
inline constexpr std::size_t kMaxLogText = 16U << 10U;

// What stands before the letter: time and stream. Made once for all lines that came together.
std::string log_prefix(Nanoseconds time, LogStream stream);
// Appends a text without newline as one record or more. `complete`: a newline stood behind it.
void append_log_records(std::string& out, std::string_view prefix, std::string_view text, bool complete);

// A record as read; the text is a view of the line.
struct LogRecord {
  Nanoseconds time = 0;
  LogStream stream = LogStream::kStdout;
  bool complete = true;
  std::string_view text;
};
// Reads a line (without its newline); nullopt for anything else, as a torn write leaves it.
std::optional<LogRecord> parse_log_record(std::string_view line);

}  // namespace agena::contract
