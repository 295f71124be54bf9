// The pod towards the host's systemd and systemd-machined, where there are any: its scope unit, and its entry
// in machinectl(1). Nothing here is needed for a pod to run, so whatever goes wrong is a warning; on hosts
// without systemd it is two look-ups.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "common/sys/event_loop.h"
#include "common/sys/spawn.h"

namespace agena::stage1 {

// The path by which systemd knows a process, by its /proc/PID/cgroup: that of v2, or where it
// says nothing, as on hosts with v1 alone, that in systemd's own hierarchy. Without the leading slash.
std::string managed_path(std::string_view proc_cgroup);
// Whether a process in this cgroup (a path from the root of the hierarchy) should get a scope of its own, or
// stays in the unit that somebody has put it in: a service, or a scope other than a login session's.
bool wants_scope(std::string_view cgroup_path);
// Name of the scope unit of a machine, as machined would name it: escaped by systemd.unit(5).
std::string scope_unit(std::string_view machine);

class HostManager {
 public:
  // `machine` is the pod's name towards machined.
  HostManager(const sys::DirFd& pod_dir, Uuid uuid, std::string machine, bool debug);

  // Moves this process, and with it all that it will start, into a scope of its own, if it is not in a unit.
  // Waits for that, since the pod's cgroup is made below.
  void enter_scope();
  // Registers the pod with machined, in the background; the loop must run and outlive this object.
  void register_pod(sys::EventLoop& loop, pid_t leader);
  // Takes the registration back, in the background: the pod's end has begun.
  void unregister_pod();
  // Waits for what is still going on.
  void finish();

 private:
  Result<> begin_registration(sys::EventLoop& loop, pid_t leader);

  const sys::DirFd& pod_dir_;
  Uuid uuid_;
  std::string machine_;
  bool debug_;
  bool systemd_;  // PID 1 of the host
  bool own_scope_ = false;
  bool registered_ = false;  // or about to be
  sys::EventLoop* loop_ = nullptr;
  std::optional<sys::Child> registering_;
  std::optional<sys::Child> unregistering_;
};

// For gc: takes back the registration of a pod that could not do it, if it left one (file `machine`).
Result<> unregister_dead_pod(const sys::DirFd& pod_dir, bool debug);

}  // namespace agena::stage1
