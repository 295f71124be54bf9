// `attach`: join the caller's streams to those of an app, through stage1's attach entrypoint.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "stage0/pod/engine.h"
#include "stage0/pod/pod.h"
#include "stage0/stage1_client/stage1_exec.h"

namespace agena::stage0 {

struct AttachRequest {
  std::string app;  // empty: the pod's only one
  enum class Action {
    kAll,   // whatever can be attached
    kSome,  // `streams`
    kList,  // only print what can be attached
  };
  Action action = Action::kAll;
  std::vector<std::string> streams;  // "stdin", "stdout", "stderr", "tty-in", "tty-out"
};

// "auto", "list", or streams by commas; "tty" is both directions of the terminal, which excludes the others.
Result<AttachRequest> parse_attach_mode(std::string_view mode);

// Everything checked and resolved; the caller execs it.
Result<Stage1Exec> attach_to_pod(const Engine& engine, Pod& pod, const AttachRequest& request);

}  // namespace agena::stage0
