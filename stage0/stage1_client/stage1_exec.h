// A call of a stage1 entrypoint, ready to be exec'ed: everything resolved to descriptors and strings.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

struct Stage1Exec {
  sys::DirFd pod;                        // becomes the working directory
  std::string program;                   // path relative to it, or absolute
  std::vector<std::string> argv;         // with argv[0]
  std::vector<std::string> environment;  // KEY=VALUE, complete
  std::vector<int> inherited_fds;        // stay open across the exec
};

// Becomes the entrypoint: changes to the pod directory and execs. Returns only if that failed. For processes
// with one thread that have nothing else to do.
Error exec_stage1(const Stage1Exec& call);

}  // namespace agena::stage0
