// Which hierarchy of the host's cgroups has a controller: v2 (where it may first have to be passed on to the
// pod's cgroup), v1, or none. All three layouts (v1, hybrid, v2) come out of asking for each controller.
#pragma once

#include <map>
#include <set>
#include <string>

#include "common/base/result.h"
#include "common/sys/cgroup1.h"
#include "common/sys/fd.h"
#include "stage1/plan/resources.h"

namespace agena::stage1 {

// The controllers that a pod needs.
struct ControllerPlaces {
  std::set<Controller> v2;  // enabled for cgroups below `own` of v2
  std::map<Controller, sys::Cgroup1> v1;
  std::map<Controller, std::string> missing;  // and why
  bool moved = false;  // this process is in kSupervisorLeaf below its former cgroup now
};

// Where the supervisor goes in its own (delegated) v2 cgroup: one with processes cannot pass on controllers
// (cgroups(7), "no internal processes" rule).
inline constexpr const char* kSupervisorLeaf = "supervisor";

// Finds the controllers that the limits use, and enables them for the children of the v2 cgroup `own`.
Result<ControllerPlaces> open_controllers(const sys::DirFd& root, const std::string& own,
                                          const PodLimits& limits);
// Undoes the move when nobody else is in the leaf and no other cgroup is below `own`; a failure leaves
// the leaf to whoever delegated the cgroup.
void leave_leaf(const sys::DirFd& root, const std::string& own);

}  // namespace agena::stage1
