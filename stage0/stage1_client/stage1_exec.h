// Calls of stage1 entrypoints: by exec (this process becomes it) or as a child that is waited for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/contract/entrypoints.h"
#include "common/sys/fd.h"
#include "common/sys/pidfd.h"
#include "stage0/stage1_client/stage1_manifest.h"

namespace agena::stage0 {

// One call, ready to be exec'ed: everything resolved to descriptors and strings.
struct Stage1Exec {
  sys::DirFd pod;                        // becomes the working directory
  std::string program;                   // absolute path
  std::vector<std::string> argv;         // with argv[0]
  std::vector<std::string> environment;  // KEY=VALUE, complete
  std::vector<int> inherited_fds;        // stay open across the exec
  std::vector<std::string> warnings;     // about options that this stage1 does not know
};

// What to call, and with what.
struct Stage1Call {
  contract::Entrypoint entrypoint;
  contract::EntrypointCall arguments;
  // For call_stage1(): kBusy after it, and the child is killed.
  std::optional<Nanoseconds> at_most = {};
};

// Resolves a call against a stage1 root: the program is looked up inside that root, so a symlink in the image
// cannot lead to a program of the host. `shown_root` is the root's path in argv[0], relative to the pod or
// absolute. The environment is this process's.
Result<Stage1Exec> resolve_stage1_call(const Stage1Manifest& manifest, const sys::DirFd& root,
                                       const std::string& shown_root, const sys::DirFd& pod,
                                       const Stage1Call& call);

// Sets a variable of the call's environment, replacing one of the same name.
void set_variable(Stage1Exec& exec, const std::string& name, const std::string& value);

// Becomes the entrypoint: changes to the pod directory and execs. Returns only if that failed. For processes
// with one thread that have nothing else to do.
Error exec_stage1(const Stage1Exec& call);

// Runs an entrypoint of a pod on the host's side as a child with this process's stdio, and waits for its end.
// The stage1 root need not be mounted.
Result<sys::ExitStatus> call_stage1(const std::string& data_dir, const sys::DirFd& pod,
                                    const Stage1Call& call);

}  // namespace agena::stage0
