// `enter`: run a command inside a running pod, through its stage1.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/pod.h"
#include "stage0/stage1_client/stage1_exec.h"

namespace agena::stage0 {

struct EnterRequest {
  std::string app;                   // may be empty if the pod has one app
  std::vector<std::string> command;  // empty: a shell that the app has
  bool running_only = false;  // refuse apps that do not run (any more); their roots are there all the same
  std::string_view command_name = "enter";  // for errors
};

// What is to be exec'ed to enter the pod. kInvalidInput for a pod that is not running, an unknown app, or no
// app named where there are several; or, with running_only, an app that does not run. May put this process
// into a mount namespace of its own (when the stage1 image has several layers).
// `assumed` becomes the shell where no command was given.
Result<Stage1Exec> enter_pod(const Engine& engine, Pod& pod, const EnterRequest& request,
                             std::string* assumed = nullptr);

// The pod manifest as it is on disk (`cat-manifest`), unparsed.
Result<std::string> read_manifest_text(const Pod& pod);

}  // namespace agena::stage0
