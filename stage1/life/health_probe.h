// One health check of an app: a process in the app's namespaces and in a cgroup of its own below the app's,
// which is killed with all that it started when its time is over. Several apps may be checked at once.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/contract/entrypoints.h"
#include "common/sys/event_loop.h"
#include "common/sys/fd.h"
#include "common/sys/spawn.h"

namespace agena::stage1 {

// Where the pod's processes are.
struct PodPlace {
  const sys::DirFd* cgroup = nullptr;  // the pod's
  pid_t init = 0;                      // its first process
};

class HealthProbe {
 public:
  // `output` is the end of what the check has printed. The probe may be destroyed in it.
  using Done = std::function<Result<>(bool success, const std::string& output)>;

  static Result<std::unique_ptr<HealthProbe>> start(sys::EventLoop& loop, const PodPlace& place,
                                                    const std::string& app, Nanoseconds timeout, Done done);
  // Kills the check if it still runs.
  ~HealthProbe();
  HealthProbe(const HealthProbe&) = delete;
  HealthProbe& operator=(const HealthProbe&) = delete;

 private:
  HealthProbe(sys::EventLoop& loop, const PodPlace& place, std::string cgroup, sys::UniqueFd output,
              sys::Child child, Done done);
  Result<> watch(Nanoseconds timeout);
  void kill_at(Nanoseconds time);
  Result<> on_output();
  Result<> on_end();
  bool read_output();
  void kill_all() const;

  sys::EventLoop& loop_;
  PodPlace place_;
  std::string cgroup_;  // relative to the pod's
  sys::UniqueFd output_;
  sys::Child child_;
  Done done_;
  std::string text_;
  sys::EventLoop::TimerId timer_ = 0;
  bool timed_out_ = false;
};

// The program that a probe starts: joins the pod, becomes the check of an app, and ends with its exit code.
inline constexpr const char* kHealthProgram = "health-check";
Result<int> run_health_check(const contract::EntrypointCall& call);

}  // namespace agena::stage1
