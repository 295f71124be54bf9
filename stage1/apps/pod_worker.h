// Work inside a running pod: a copy of the supervisor that does one thing and ends, so that whatever it waits
// for (a volume of a server that is gone), nobody else waits for.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/sys/event_loop.h"
#include "common/sys/fd.h"
#include "common/sys/spawn.h"

namespace agena::stage1 {

class PodWorker {
 public:
  using Done = std::function<Result<>(const Result<>& result)>;

  // Runs `body` in a child; `done` is called with its result, from the loop. `done` may drop the worker.
  static Result<std::unique_ptr<PodWorker>> start(sys::EventLoop& loop, const std::function<Result<>()>& body,
                                                  Done done);
  // Kills it, if it still runs.
  ~PodWorker();
  PodWorker(const PodWorker&) = delete;
  PodWorker& operator=(const PodWorker&) = delete;

 private:
  PodWorker(sys::EventLoop& loop, sys::UniqueFd channel, sys::Child child, Done done);
  Result<> on_end();

  sys::EventLoop& loop_;
  sys::UniqueFd channel_;  // its error, if it has one
  sys::Child child_;
  Done done_;
};

// In a worker or a child of one: has it killed when its parent dies, or ends it if that has happened already. It
// has the pod's lock among its descriptors, which must not outlive the supervisor.
void die_with_parent(pid_t parent);

// In a worker or a child of one: joins mount and user namespace of the pod's first process. The root and the
// working directory are the pod's then.
Result<> join_pod_mounts(pid_t init);

}  // namespace agena::stage1
