// Entrypoints that cross into a running pod (app-*, attach): what they are told by their environment, and
// calls of them whose words come back as a value.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/sys/fd.h"
#include "stage0/stage1_client/stage1_exec.h"
#include "stage0/stage1_client/stage1_manifest.h"

namespace agena::stage0 {

// The whole environment of such an entrypoint (docs/stage1-contract.md): how to enter the pod, its first
// process, the app, and a PATH. `root_path` is the stage1 root as this process sees it.
Result<std::vector<std::string>> crossing_environment(const Stage1Manifest& stage1,
                                                      const std::string& root_path, pid_t pid,
                                                      const std::string& app);

// What an entrypoint has written to its standard error, line by line and without the names that lead them.
struct Stage1Words {
  std::vector<std::string> lines;
  std::string hint;  // the last line that was one; empty if there was none
};
// `entrypoint` is the name under which it was called.
Stage1Words parse_stage1_words(std::string_view text, std::string_view entrypoint);

struct CrossingCall {
  Stage1Call call;
  std::string app;
  pid_t pid = 0;            // the pod's first process
  Nanoseconds at_most = 0;  // after that it is killed
};

// Runs the entrypoint as a child with nothing to read, and waits for it. What it says comes back as lines if
// it succeeded (warnings), together with those about options that this stage1 does not know; otherwise it is
// the error. kBusy if it did not end in time. Nothing of the calling process is changed; any thread may call.
Result<std::vector<std::string>> call_crossing(const std::string& data_dir, const sys::DirFd& pod,
                                               const CrossingCall& crossing);

}  // namespace agena::stage0
