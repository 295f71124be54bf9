// The lives of a pod's apps while it runs: which of them start again and when, which say that they are ready,
// which are healthy; and the records of it in rkt/life. The supervisor tells what happens to them and is told
// what is to be done.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/contract/app_life_file.h"
#include "common/sys/event_loop.h"
#include "common/sys/fd.h"
#include "common/sys/pidfd.h"
#include "stage1/life/app_course.h"
#include "stage1/life/health_probe.h"
#include "stage1/life/health_state.h"
#include "stage1/life/host_notifier.h"
#include "stage1/life/notify_state.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

struct LifeEvents {
  // Answers an app's service that asked whether it may start (ask_admission).
  std::function<Result<>(const std::string& app, bool start)> admit;
  // Something has changed in what all_ready() says, perhaps.
  std::function<Result<>()> readiness;
};

class PodLife {
 public:
  // Loop, root, pod and host must outlive it.
  PodLife(sys::EventLoop& loop, const sys::DirFd& root, const Pod& pod, HostNotifier& host,
          LifeEvents events);
  ~PodLife();
  PodLife(const PodLife&) = delete;
  PodLife& operator=(const PodLife&) = delete;

  // Makes the records, and the sockets of apps that say when they are ready, below `root`; nothing if no app
  // needs any.
  Result<> open();
  // An app of a mutable pod, as a pod of its own that outlives it here; its record tells of every start and
  // end. It begins when renew() was called.
  Result<> add(const Pod& pod);
  void remove(const std::string& app);
  // It is about to be started (again) on somebody's order.
  void renew(const std::string& app);
  // As stop(), for one app: its code if it waited for its restart.
  Result<std::optional<int>> stop(const std::string& app);

  // The pod's processes are there; before it no app can begin.
  void attach(const PodPlace& place) { place_ = place; }

  // The app's own program is about to start, as this process.
  Result<> begin(const std::string& app, pid_t process);
  // The app's service asks whether it may start; it is answered now, or when its time has come.
  Result<> ask_admission(const std::string& app);
  // The app's service has ended with this code. Returns the app's code if that was for good; otherwise it
  // will start again. `signal` is what ended it, as in "SIGKILL", or empty.
  Result<std::optional<int>> end(const std::string& app, int code, const std::string& signal = {});
  // From now on nothing is started or checked. Returns the apps that waited for their restart, with the codes
  // of their last ends: they have ended now.
  Result<std::vector<std::pair<std::string, int>>> stop();

  // Whether all apps that say when they are ready have said it, and all that are checked are healthy. One
  // that has ended for good is not waited for, nor one that nobody has connected to yet.
  bool all_ready() const;

 private:
  struct Life {
    const PodApp* app;
    bool on_demand;  // it is started when somebody connects to its sockets
    AppCourse course;
    bool member = false;    // of a mutable pod
    bool stopping = false;  // it alone
    std::optional<HealthState> health = {};
    contract::AppLifeStatus status = {};
    bool said_ready = false;
    bool terminating = false;  // it was unhealthy, and is to end
    sys::UniqueFd notify = {};
    sys::PidFd process = {};
    std::unique_ptr<HealthProbe> probe = {};
    sys::EventLoop::TimerId restart = 0;
    sys::EventLoop::TimerId next_check = 0;
    sys::EventLoop::TimerId kill = 0;
    sys::EventLoop::TimerId tell_status = 0;
    Nanoseconds told_since = 0;  // the second in which so many states were passed on
    int told = 0;
  };

  void enter(const Pod& pod, const PodApp& app, bool member);
  Result<> open(const std::string& name, Life& life);
  Result<std::optional<int>> stop(const std::string& name, Life& life);
  void forget_timers(Life& life);
  static bool recorded(const Life& life);
  Result<> record(const std::string& name, const Life& life) const;
  bool waited_for(const Life& life) const;
  bool ready(const Life& life) const;

  Result<> listen(const std::string& name, Life& life);
  Result<> on_notify(const std::string& name);
  static bool may_tell(Life& life);
  void note_status(const std::string& name, Life& life, const std::string& text);

  void schedule_check(const std::string& name, Life& life);
  Result<> check(const std::string& name);
  Result<> checked(const std::string& name, bool success, const std::string& output);
  Result<> terminate(const std::string& name, Life& life);
  void stop_checks(Life& life);

  sys::EventLoop& loop_;
  const sys::DirFd& root_;
  HostNotifier& host_;
  LifeEvents events_;
  PodPlace place_;
  std::map<std::string, Life> lives_;
  bool stopping_ = false;
};

}  // namespace agena::stage1
