// The flags of an app that say where its standard streams lead and what is kept of its output. Their values
// travel as annotations of the app (manifests/schema/app_io.h).
#pragma once

#include <array>
#include <string_view>

#include "manifests/schema/annotations.h"
#include "stage0/cli/app_flags.h"

namespace agena::stage0 {

// Sets one of the app's annotations, after a look at whether the value will be understood.
Result<> set_io_annotation(AppRequest& app, const char* annotation, std::string_view value);

inline constexpr auto kIoFlags = std::to_array<AppFlagRow>({
    {{.name = "log-driver",
      .value_name = "LIST",
      .arity = OptionArity::kValue,
      .help = "what keeps the app's output: file and journal (both by default), or none"},
     [](AppRequest& app, std::string_view value) {
       return set_io_annotation(app, schema::annotation::kLogDriver, value);
     }},
    {{.name = "log-max-files",
      .value_name = "N",
      .initial = "5",
      .arity = OptionArity::kValue,
      .help = "how many log files the app has at most"},
     [](AppRequest& app, std::string_view value) {
       return set_io_annotation(app, schema::annotation::kLogMaxFiles, value);
     }},
    {{.name = "log-max-size",
      .value_name = "BYTES",
      .initial = "10Mi",
      .arity = OptionArity::kValue,
      .help = "size at which a log file is put aside and a new one begun"},
     [](AppRequest& app, std::string_view value) {
       return set_io_annotation(app, schema::annotation::kLogMaxSize, value);
     }},
    {{.name = "stderr",
      .value_name = "MODE",
      .initial = "log",
      .arity = OptionArity::kValue,
      .help = "errors of the app: log, null, stream (as log, and attach may join) or tty"},
     [](AppRequest& app, std::string_view value) {
       return set_io_annotation(app, schema::annotation::kStderr, value);
     }},
    {{.name = "stdin",
      .value_name = "MODE",
      .initial = "null",
      .arity = OptionArity::kValue,
      .help = "input of the app: null, stream (what attach sends) or tty"},
     [](AppRequest& app, std::string_view value) {
       return set_io_annotation(app, schema::annotation::kStdin, value);
     }},
    {{.name = "stdout",
      .value_name = "MODE",
      .initial = "log",
      .arity = OptionArity::kValue,
      .help = "output of the app: log, null, stream (as log, and attach may join) or tty"},
     [](AppRequest& app, std::string_view value) {
       return set_io_annotation(app, schema::annotation::kStdout, value);
     }},
});
inline constexpr auto kIoOptions = options_of(kIoFlags);

}  // namespace agena::stage0
