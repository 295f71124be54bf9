#include "common/contract/log_format.h"

#include <array>

#include "common/base/strings.h"

namespace agena::contract {
namespace {

struct StreamRow {
  std::string_view name;
  LogStream value;
};
constexpr std::array kStreams = {StreamRow{"stderr", LogStream::kStderr},
                                 StreamRow{"stdout", LogStream::kStdout}};

void append_record(std::string& out, std::string_view prefix, char letter, std::string_view text) {
  out.append(prefix);
  out.push_back(letter);
  out.push_back(' ');
  out.append(text);
  out.push_back('\n');
}

// The text up to the next space, taken off the line; nullopt without one.
std::optional<std::string_view> take_word(std::string_view& line) {
  const std::size_t end = line.find(' ');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end + 1);
  return word;
}

std::optional<LogStream> parse_stream(std::string_view name) {
  for (const StreamRow& row : kStreams)
    if (row.name == name) return row.value;
  return std::nullopt;
}

}  // namespace

std::string_view name_of(LogStream stream) {
  for (const StreamRow& row : kStreams)
    if (row.value == stream) return row.name;
  return {};
}

std::string log_prefix(Nanoseconds time, LogStream stream) {
  return fmt::format("{} {} ", rfc3339(time), name_of(stream));
}

void append_log_records(std::string& out, std::string_view prefix, std::string_view text, bool complete) {
  for (; text.size() > kMaxLogText; text.remove_prefix(kMaxLogText))
    append_record(out, prefix, 'P', text.substr(0, kMaxLogText));
  append_record(out, prefix, complete ? 'F' : 'P', text);
}

std::optional<LogRecord> parse_log_record(std::string_view line) {
  const auto time_text = take_word(line);
  const auto stream_name = time_text ? take_word(line) : std::nullopt;
  if (!stream_name || line.size() < 2 || line[1] != ' ' || (line[0] != 'F' && line[0] != 'P'))
    return std::nullopt;
  const auto time = parse_rfc3339(*time_text);
  const auto stream = parse_stream(*stream_name);
  if (!time || !stream) return std::nullopt;
  return LogRecord{.time = *time, .stream = *stream, .complete = line[0] == 'F', .text = line.substr(2)};
}

}  // namespace agena::contract
