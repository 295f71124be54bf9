// `logs`: what the apps of a pod have written, from its log files.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/pod/log_reader.h"
#include "stage0/pod/pod.h"

namespace agena::stage0 {

struct LogRequest {
  std::string app;      // empty: all, merged by time
  bool follow = false;  // go on until the pod has ended
  // Points in time, nanoseconds since the epoch.
  std::optional<Nanoseconds> since;
  std::optional<Nanoseconds> until;
  std::optional<std::uint64_t> tail;  // only so many lines of what there is; what comes is given in full
};

// Who gets the lines. Errors end the reading.
struct LogReceiver {
  std::function<Result<>(const std::string& app, const LogLine& line)> line;
  // Nothing more is there at the moment: show what you have.
  std::function<Result<>()> pause;
  // Lines of this app are missing, because files were deleted before they could be read.
  std::function<void(const std::string& app)> gap;
};

// The apps whose logs a request is about; of a mutable pod also those that were removed, as long as there is
// something that they wrote. An error names what the pod has.
struct LoggedApps {
  std::vector<std::string> names;
  bool may_grow = false;  // apps may be added to the pod, and are then part of what the request is about
};
Result<LoggedApps> logged_apps(const Pod& pod, const LogRequest& request);

// Gives the lines to the receiver, in the order of time over all apps. Works without privileges where the
// files may be read.
Result<> read_logs(Pod& pod, const LogRequest& request, const LogReceiver& receiver);

}  // namespace agena::stage0
