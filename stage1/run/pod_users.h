// Pods with user namespaces of their own (--private-users): what the supervisor does for them on the host's
// side, because root of the pod may not.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "common/sys/id_range.h"
#include "common/sys/mount_plan.h"
#include "common/sys/user_namespace.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

// The supervisor's part for the life of a pod: from enter() on, the working directory is the pod directory as
// the pod's root may read and write it (an idmapped mount; on disk all stays root's, but the roots and the
// volumes, which belong to the pod's ids), and files that the supervisor makes belong to the pod's root.
class PodUsers {
 public:
  // In the pod directory, in the private mount namespace.
  static Result<PodUsers> enter(const sys::DirFd& pod_dir, const sys::IdRange& ids);

  const sys::IdRange& ids() const { return ids_; }
  // For mounts with mapped ids.
  const sys::UniqueFd& user_namespace() const { return user_namespace_; }

 private:
  PodUsers(const sys::IdRange& ids, sys::UniqueFd user_namespace, sys::FileOwner owner)
      : ids_(ids), user_namespace_(std::move(user_namespace)), owner_(std::move(owner)) {}
  sys::IdRange ids_;
  sys::UniqueFd user_namespace_;
  sys::FileOwner owner_;
};

// Mount plans of such a pod have two parts. Device nodes cannot be made in a user namespace, and its root
// need not be able to reach what is to be mounted from the host: the supervisor puts these at a place below
// the pod's /run, and pod-init binds them from there.

// The supervisor's part of all plans of a pod, for the time after /run is mounted.
Result<sys::MountPlan> host_part_of_plans(const Pod& pod);
// The same of one plan: without the place itself.
sys::MountPlan host_part_of_plan(const sys::MountPlan& plan);
// What is left of a plan for pod-init.
sys::MountPlan pod_part_of_plan(const sys::MountPlan& plan);
// A plan in which device nodes are those that the supervisor has put at that place; binds of the host's are
// as they were.
sys::MountPlan with_nodes_of_pod(const sys::MountPlan& plan);

// Mounts the pod's root once more upon itself, in pod-init, and opens it: what came along from the
// supervisor's mount namespace is locked, and a locked mount cannot become the root.
Result<sys::DirFd> unlock_root(const sys::DirFd& pod_dir);

}  // namespace agena::stage1
