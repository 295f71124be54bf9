// What a user asks of the apps of a running pod, as typed values. Producers are the front ends, the only
// consumer is stage0/app.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "stage0/pod/run_request.h"

namespace agena::stage0 {

// How long an operation may wait, in all, for locks and for stage1, unless its request says: longer where an
// app may take longer to stop.
inline constexpr Nanoseconds kAppOperationTimeout = 60 * kSecond;

// What all operations have in common. An operation that has failed, for want of time or otherwise, has
// changed nothing that the same operation would stumble over: it can be done again.
struct AppOperation {
  std::string pod;                          // UUID, its unique beginning, or a name
  std::optional<Nanoseconds> timeout = {};  // unset: see above
};

// `app add`. The time for bringing the image into the store does not count for the timeout.
struct AddAppRequest {
  AppOperation operation;
  AppRequest app;
  std::vector<VolumeRequest> volumes;  // of this app alone
  std::vector<PortRequest> ports;      // that lead to this app; none has a protocol
  InsecureOptions insecure;
};

struct StartAppRequest {
  AppOperation operation;
  std::string app;
};

struct StopAppRequest {
  AppOperation operation;
  std::string app;
  std::optional<Nanoseconds> grace = {};  // before it is killed; unset: as the app says
};

struct RemoveAppRequest {
  AppOperation operation;
  std::string app;
};

// `app update`: limits that are set take the place of the app's.
struct UpdateAppRequest {
  AppOperation operation;
  std::string app;
  IsolatorFlags isolators;  // memory, cpu and cpu_shares; others are an error
  ResourceFlags resources;  // pids_limit and device_rates; others are an error
};

// What an operation has done.
struct AppOutcome {
  std::string app;                    // its name
  std::vector<std::string> warnings;  // for the user, in order
};

}  // namespace agena::stage0
