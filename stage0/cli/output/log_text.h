// How `logs` shows lines: as they were written, led by time and app where asked for, or as JSON objects.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "stage0/pod/log_reader.h"

namespace agena::stage0 {

// A text of an app as a terminal may get it: colours (SGR sequences) stay, every other control character and
// what is not UTF-8 becomes visible as \xNN, for it might steer the terminal.
std::string safe_for_terminal(std::string_view text);

struct LogStyle {
  bool timestamps = false;
  bool app_names = false;
  bool json = false;
  bool safe = false;  // for a terminal
};
// The line as it is printed. An incomplete line gets no newline, unless something stands before it.
Result<std::string> log_text(const std::string& app, const LogLine& line, const LogStyle& style);

}  // namespace agena::stage0
