// The call of stage1's `run` entrypoint: from launch options to its argv. Internal to stage0/pod.
#pragma once

#include <optional>

#include "common/base/result.h"
#include "stage0/metadata/mds_client.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/pod.h"
#include "stage0/pod/run_request.h"
#include "stage0/stage1_client/stage1_exec.h"

namespace agena::stage0 {

// What decides how a prepared pod is started.
struct RunCallFacts {
  const LaunchRequest& launch;
  const InsecureOptions& insecure;
  bool is_mutable = false;
  std::optional<MdsRegistration> metadata = {};  // where the pod is registered
};

// Options of the call for a stage1 of this interface version (the table of the contract drops what an old one
// does not know).
contract::EntrypointCall render_run_options(const Engine& engine, const Uuid& uuid, const RunCallFacts& facts,
                                            int interface_version);

// The whole call; `root` is the mounted stage1 root of the pod.
Result<Stage1Exec> make_run_call(const Engine& engine, const Pod& pod, const sys::DirFd& root,
                                 const RunCallFacts& facts);

}  // namespace agena::stage0
