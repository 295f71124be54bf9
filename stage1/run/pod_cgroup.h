// The cgroups of a pod. In v2 it always has one, in which its systemd makes one for each app; limits of apps
// are directives of their units there, those of the pod are written here. Where a controller is in a v1
// hierarchy, the pod has cgroups there for just what needs it, and apps are put into them before they start.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "common/sys/cgroup1.h"
#include "common/sys/fd.h"
#include "stage1/plan/resources.h"
#include "stage1/run/oom_counter.h"

namespace agena::stage1 {

class PodCgroup {
 public:
  // Makes the cgroups below the caller's own, records them for gc, and sets the limits. What the host cannot
  // enforce is an error, or with `waive` a warning in warnings().
  static Result<PodCgroup> make(const sys::DirFd& pod_dir, const Uuid& uuid, PodLimits limits, bool waive);

  // Sets the limits of an app that comes into the running pod, or is in it already; what the host cannot
  // enforce as in make(), the warnings being returned. In v2 the app's unit has the limits.
  Result<std::vector<std::string>> set_app(const std::string& app, CgroupLimits limits, bool waive);
  // Forgets an app, of which no process is left.
  Result<> remove_app(const std::string& app);

  // The pod's v2 cgroup.
  const sys::DirFd& dir() const { return dir_; }
  // Gives the v2 cgroup to root of a user namespace, with what it needs to manage those below.
  Result<> delegate_to(uid_t root) const;
  const std::vector<std::string>& warnings() const { return warnings_; }
  // Puts the pod's first process where the pod's own limits are, in v1 hierarchies.
  Result<> place_first(pid_t pid) const;
  // Likewise a process that is about to become a program of an app. The pid is that of the caller's pid
  // namespace.
  Result<> place_app(const std::string& app, pid_t pid) const;
  // How many processes of the app the kernel has killed because its memory (or the pod's) ran out; while the
  // app's service exists. None where nothing is limited.
  Result<OomCount> oom_kills(const std::string& app) const;
  // Cgroup of the app's service below dir(), while it runs.
  std::string service_cgroup(const std::string& app) const;
  Result<> remove() const;
  // Has the kernel wait for RCU now, so that systemd need not when it moves itself and the apps.
  void warm_up() const;

 private:
  PodCgroup() = default;
  std::string path_in(const sys::Cgroup1& hierarchy) const;
  Result<> record(const sys::DirFd& pod_dir) const;
  Result<> make_all();
  Result<> drop_missing(PodLimits& limits, bool waive, std::vector<std::string>& warnings) const;
  Result<> limit_app(const std::string& app, const CgroupLimits& limits) const;
  Result<std::vector<pid_t>> processes_of(const std::string& app) const;

  sys::DirFd root_;
  std::string own_;   // the cgroup that the pod's is made in
  std::string name_;  // of the pod's cgroups, in every hierarchy
  std::string path_;
  sys::DirFd dir_;
  bool moved_ = false;  // this process is in a leaf of own_
  PodLimits limits_;
  std::set<Controller> v2_;
  std::map<Controller, sys::Cgroup1> v1_;
  std::map<Controller, std::string> missing_;  // and why
  std::vector<std::string> warnings_;
};

}  // namespace agena::stage1
