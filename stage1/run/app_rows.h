// The apps in the trace of the pod's start: what the hub hears of them, as events in rows of their own. Does
// nothing where no trace was asked for.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "common/stage2/hub_protocol.h"

namespace agena::stage1 {

class AppRows {
 public:
  // A program is about to start; `process` is its number on the host.
  void hello(const stage2::HubHello& hello, pid_t process);
  // What it has done until shortly before its exec.
  static void steps(const stage2::HubSteps& steps, pid_t process);
  // The app's own program runs, and has ended.
  void launched(const std::string& app);
  void ended(const std::string& app);
  // The pod's systemd, whose start pod-init has begun, has started all that it was to.
  static void systemd_started(pid_t process);

 private:
  std::map<std::string, pid_t> processes_;
  std::map<std::string, pid_t> running_;
};

}  // namespace agena::stage1
