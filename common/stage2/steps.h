// Carries out a launch plan in the calling process: an ordered table of named steps, the last of which
// executes the program. For single-threaded processes that are about to become an app (stage2, stage1-fly).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/trace.h"
#include "common/stage2/hub_client.h"
#include "common/stage2/launch_plan.h"
#include "common/sys/fd.h"
#include "common/sys/passwd.h"

namespace agena::stage2 {

// What the caller knows beyond the plan.
struct LaunchOptions {
  // Descriptors that the program inherits besides 0 to 2 and those of LISTEN_FDS (fly: the pod's lock).
  std::vector<int> keep_fds;
  // Names of sockets that stand from descriptor 3 on and are meant for the program, whatever LISTEN_PID says.
  std::vector<std::string> sockets = {};
  Nanoseconds began = 0;  // when this program began (CLOCK_MONOTONIC), for the trace
};

// Why a program was not started.
struct LaunchFailure {
  std::string_view step;  // name of a row of launch_steps()
  int exit_code = 0;      // LaunchExit
  std::string text = {};  // one sentence for the user: "cannot start app 'a': …"
  bool told_hub = false;  // the hub has the sentence; otherwise the caller prints it
};

// Does everything that the plan says. Returns only when it failed; the process is then half-way between two
// lives and must exit with the failure's code.
[[nodiscard]] LaunchFailure launch(const LaunchPlan& plan, const LaunchOptions& options = {});

// What the steps hand on to later ones.
struct LaunchState {
  const LaunchPlan& plan;
  const LaunchOptions& options;
  std::optional<HubClient> hub = {};
  std::vector<int> hub_streams = {};          // standard descriptors that came from the hub
  std::vector<std::string> environment = {};  // NAME=VALUE, each name once
  int listen_fds = 0;                         // descriptors from 3 on that are meant for the program
  sys::DirFd root = {};                       // "/" after the switch
  sys::Identity identity = {};
  sys::DirFd attributes = {};           // /proc/self/attr, if a label is to be set
  std::string program = {};             // path inside the root
  std::vector<trace::Span> spans = {};  // what was done so far, if that is traced
};

struct LaunchStep {
  std::string_view name;
  int exit_code;  // 0: the step's error decides between kExitNotFound and kExitCannotExecute
  Result<> (*run)(LaunchState& state);
};

// The steps in their order; steps.cc says why each stands where it stands.
std::span<const LaunchStep> launch_steps();

}  // namespace agena::stage2
