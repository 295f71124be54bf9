// Which processes are a fly pod's: it has no namespace of its own, and numbers are used again.
#pragma once

#include <sys/types.h>

#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "common/sys/pidfd.h"

namespace agena::fly {

class PodProcesses {
 public:
  static Result<PodProcesses> of(const sys::DirFd& pod_dir);

  // Those whose root is an app's of the pod.
  Result<std::vector<pid_t>> find() const;
  // Whether a process that `run` has written down is still it: the app, or `run` on its way to become the
  // app.
  bool is_main(pid_t pid) const;
  // A process as long as it is one of those: what is sent to it reaches no stranger.
  Result<sys::PidFd> open(pid_t pid) const;

 private:
  explicit PodProcesses(std::string place) : place_(std::move(place)) {}
  bool leads_into_pod(pid_t pid, const char* link) const;

  std::string place_;  // "/UUID/", a part of every path in the pod's directory
};

}  // namespace agena::fly
