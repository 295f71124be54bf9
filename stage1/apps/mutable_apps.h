// The apps of a mutable pod: carries out orders, and keeps track of each app between its coming and its
// going. The supervisor tells what happens to the apps; starting and stopping are the pod's systemd's,
// through the manager agent; what is done inside the pod is done by workers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/stage2/hub_protocol.h"
#include "common/sys/event_loop.h"
#include "common/sys/fd.h"
#include "stage1/apps/app_setup.h"
#include "stage1/apps/manager_link.h"
#include "stage1/apps/order_server.h"
#include "stage1/apps/pod_worker.h"
#include "stage1/iohub/hub.h"
#include "stage1/life/pod_life.h"
#include "stage1/net/pod_ports.h"
#include "stage1/run/app_ends.h"
#include "stage1/run/device_policy.h"
#include "stage1/run/pod.h"
#include "stage1/run/pod_cgroup.h"
#include "stage1/run/pod_users.h"

namespace agena::stage1 {

// What the pod's supervisor has; all of it outlives the apps.
struct PodParts {
  sys::EventLoop& loop;
  const sys::DirFd& pod_dir;
  const sys::DirFd& root;
  const Pod& pod;
  const PodUsers* users;
  PodCgroup& cgroup;
  std::optional<DevicePolicy>& devices;  // none: all devices are allowed
  AppEnds& ends;
  PodLife& life;
  Hub& hub;
  PodPorts* ports;  // nullptr: the pod is on no network that they could be forwarded to
  bool console_is_journal;
};

class MutableApps {
 public:
  struct Events {
    // An app is about to be started (again) on somebody's order.
    std::function<void(const std::string& app)> renew;
    // An app has ended, with this code, without a word from its recorder.
    std::function<Result<>(const std::string& app, int code)> account;
  };

  // Takes in the apps that the pod has from an earlier run, none of which is started.
  static Result<std::unique_ptr<MutableApps>> open(const PodParts& parts, Events events);
  // Orders are taken from now on; `init` is the pod's first process.
  Result<> serve(pid_t init);

  bool empty() const { return members_.empty(); }
  ManagerLink& manager() { return manager_; }
  // The app with this name, which the supervisor knows to be there.
  const PodApp& app(const std::string& name) const { return members_.at(name).pod->apps.front(); }
  // Whether somebody has ordered the app to end.
  bool is_stopping(const std::string& app) const;
  // How long the apps that run may take to end.
  Nanoseconds patience() const;

  // The app's program was executed.
  Result<> launched(const std::string& app);
  // It could not be.
  void failed(const stage2::HubFailed& failure);
  // The app has ended, and will be started again by its policy.
  void put_off(const std::string& app, int code);
  // The app has ended for good, with this code; all is recorded.
  Result<> ended(const std::string& app, int code);
  // The pod is being stopped: no order is taken any more, and apps of which no program has begun have ended.
  void stop();

 private:
  enum class State { kAdding, kIdle, kStarting, kListening, kRunning, kStopping, kRemoving };
  struct Member {
    std::unique_ptr<Pod> pod;  // with this app alone
    std::vector<DeviceRule> devices = {};
    std::optional<Nanoseconds> unit_grace = {};  // that its unit gives it, if that is not its own
    State state = State::kIdle;
    std::string failure = {};  // what the program that is starting said
    std::vector<ClientRef> starters = {};
    std::vector<ClientRef> stoppers = {};
    ClientRef remover = {};
    std::unique_ptr<PodWorker> worker = {};
    sys::EventLoop::TimerId kill = 0;
  };

  MutableApps(const PodParts& parts, Events events);
  static std::unexpected<Error> unknown(const std::string& app);
  Result<> on_order(const Order& order, const ClientRef& client);
  bool must_wait(const Order& order) const;
  void run_waiting(const std::string& app);
  void add(const Order& order, const ClientRef& client);
  void start(const Order& order, const ClientRef& client);
  void stop(const Order& order, const ClientRef& client);
  void remove(const Order& order, const ClientRef& client);
  void update(const Order& order, const ClientRef& client);

  Result<std::unique_ptr<Pod>> load(const std::string& manifest, const std::string& app) const;
  Result<> take_in(std::unique_ptr<Pod> pod, Client& client);
  Result<> allow(Member& member, Client& client);
  Result<> forward_ports(const Member& member);
  Result<> allow_devices();
  Result<> begin(Member& member, const std::string& app);
  Result<> begin_stop(Member& member, const std::string& app, std::optional<Nanoseconds> grace);
  void stop_units(const Member& member);
  static Nanoseconds own_grace(const Member& member);
  void ask_later(Member& member, const std::string& app);
  void kill_later(Member& member, const std::string& app, Nanoseconds grace);
  Result<> work(Member& member, const std::string& app, const std::function<Result<>()>& body,
                const PodWorker::Done& done);
  void warm_up();
  void clear(const std::string& app);
  void forget(const std::string& app);
  void end(Member& member, const Result<>& for_starters);
  static void answer_starters(Member& member, const Result<>& answer);
  SetupPlace place() const { return {parts_.pod_dir, init_, parts_.users}; }

  PodParts parts_;
  Events events_;
  ManagerLink manager_;
  std::map<std::string, Member> members_;
  // Orders for an app that is being changed, by app, in the order in which they came.
  std::map<std::string, std::vector<std::pair<Order, ClientRef>>> waiting_;
  std::unique_ptr<OrderServer> server_;
  std::unique_ptr<PodWorker> warmer_;
  pid_t init_ = 0;
  bool stopping_ = false;
};

}  // namespace agena::stage1
