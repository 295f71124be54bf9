// How an app's standard streams are connected and what is kept of its output, as its annotations say.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "manifests/schema/labels.h"

namespace agena::schema {

enum class InputMode {
  kNull,    // /dev/null
  kStream,  // a pipe, filled by `attach`
  kTty,     // a terminal, joined by `attach`
};
enum class OutputMode {
  kLog,     // a pipe, to the console and the logs
  kNull,    // /dev/null
  kStream,  // as kLog, and `attach` may join
  kTty,     // as kStream, through a terminal
};

struct AppIo {
  InputMode input = InputMode::kNull;
  OutputMode output = OutputMode::kLog;
  OutputMode error = OutputMode::kLog;

  // Drivers. The journal is used by default where the host has one and the console does not lead into it
  // already.
  enum class Journal { kAuto, kAlways, kNever };
  bool log_file = true;
  Journal journal = Journal::kAuto;
  // Of log files: size at which a file is put aside, and how many there are with the one in use.
  std::uint64_t log_max_size = 10U << 20U;
  int log_max_files = 5;
  bool operator==(const AppIo&) const = default;
};

// Reads the annotations of an app; absent ones are the defaults. Errors name the annotation.
Result<AppIo> read_app_io(const Annotations& annotations);

// "null", "stream", "tty"; of output modes also "log".
Result<InputMode> parse_input_mode(std::string_view text);
Result<OutputMode> parse_output_mode(std::string_view text);

// Whether an image may not say it of itself: annotations about the host's logs are for whoever runs the pod.
bool is_runner_annotation(std::string_view name);

}  // namespace agena::schema
