// The pod's supervisor: starts pod-init in the pod's namespaces and cgroup, carries the apps' output, records
// their ends, and ends the pod.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/phase_timer.h"
#include "common/base/result.h"
#include "common/contract/entrypoints.h"
#include "common/sys/event_loop.h"
#include "common/sys/fd.h"
#include "common/sys/pidfd.h"
#include "common/sys/spawn.h"
#include "stage1/apps/mutable_apps.h"
#include "stage1/iohub/hub.h"
#include "stage1/iohub/terminal.h"
#include "stage1/life/host_notifier.h"
#include "stage1/life/pod_life.h"
#include "stage1/net/pod_network.h"
#include "stage1/run/app_ends.h"
#include "stage1/run/app_rows.h"
#include "stage1/run/device_policy.h"
#include "stage1/run/host_manager.h"
#include "stage1/run/listen_sockets.h"
#include "stage1/run/oom_counter.h"
#include "stage1/run/pod.h"
#include "stage1/run/pod_cgroup.h"
#include "stage1/run/pod_users.h"
#include "stage1/run/quick_end.h"

namespace agena::stage1 {

// The supervisor's state while the pod runs.
class Supervisor {
 public:
  // `users` for a pod with a user namespace of its own. The apps of a mutable pod are in its manifest only:
  // `pod` and `apps` have those that start with the pod.
  Supervisor(sys::EventLoop& loop, const sys::DirFd& pod_dir, const sys::DirFd& root, Pod& pod,
             const PodUsers* users, PodCgroup& cgroup, std::optional<DevicePolicy>& devices,
             std::vector<std::string> apps, PodNetwork& network, HostManager& host,
             const PassedSockets& sockets, PhaseTimer& timer)
      : loop_(loop),
        pod_dir_(pod_dir),
        root_(root),
        pod_(pod),
        users_(users),
        cgroup_(cgroup),
        devices_(devices),
        ends_(apps),
        network_(network),
        host_(host),
        sockets_(sockets),
        notifier_(loop),
        life_(loop, root, pod, notifier_, life_events()),
        timer_(timer) {}

  Result<> start(const contract::EntrypointCall& call);
  Result<> watch();
  // Exit code of the pod, after the loop has ended.
  Result<int> finish();

 private:
  HubEvents hub_events();
  LifeEvents life_events();
  Result<> on_signal(const sys::UniqueFd& signals);
  Result<> on_notify();
  Result<> tell_if_ready();
  Result<> on_pod_end();
  Result<> on_ended(const stage2::HubEnded& ended);
  void record_end(const std::string& app, int code) const;
  Result<sys::DirFd> open_devpts() const;
  Result<> account(const std::string& app, int code);
  bool may_end() const;
  Result<> open_hub();
  Result<> set_up_networks(const sys::UniqueFd& channel);
  const PodApp& app_named(const std::string& name) const;
  void note_oom_kills(const std::string& app);
  Result<> count_oom_kills(const std::string& app);
  Result<sys::UniqueFd> open_terminal();
  Result<> stop(const char* why);
  static constexpr int kWarmTimes = 10;
  void keep_warm(int times);
  void give_up_unstarted();
  Result<> repeat_halt();
  void hurry();
  Result<> kill();
  Result<> quit_if_done();
  void limit_time();
  void account_for_killed();
  std::unexpected<Error> unexpected_end() const;

  sys::EventLoop& loop_;
  const sys::DirFd& pod_dir_;
  const sys::DirFd& root_;
  Pod& pod_;
  const PodUsers* users_;
  PodCgroup& cgroup_;
  std::optional<DevicePolicy>& devices_;
  AppEnds ends_;
  AppRows rows_;
  PodNetwork& network_;
  HostManager& host_;
  const PassedSockets& sockets_;
  HostNotifier notifier_;
  PodLife life_;
  PhaseTimer& timer_;
  sys::UniqueFd signals_;
  sys::UniqueFd notify_;
  std::unique_ptr<Hub> hub_;
  std::unique_ptr<MutableApps> apps_;  // of a mutable pod
  std::unique_ptr<Terminal> terminal_;
  std::optional<sys::Child> init_;
  std::optional<sys::ExitStatus> init_end_;
  QuickEnd quick_end_;
  std::map<std::string, OomCounter> oom_kills_;
  Nanoseconds hurry_until_ = INT64_MAX;  // how long the console is waited for when the pod has ended
  bool stopping_ = false;
  bool killed_ = false;
  bool ready_ = false;       // the pod's systemd has started
  bool told_ready_ = false;  // the pod counts as ready
  bool timed_out_ = false;
};

}  // namespace agena::stage1
