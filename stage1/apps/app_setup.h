// Setting up an app inside a pod that runs already, and clearing it away: what pod-init does for the apps
// that a pod starts with. All of it runs in a PodWorker.
#pragma once

#include <sys/types.h>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage1/run/pod.h"
#include "stage1/run/pod_users.h"

namespace agena::stage1 {

// Where an app is set up.
struct SetupPlace {
  const sys::DirFd& pod_dir;  // in the supervisor's mount namespace, which is the caller's
  pid_t init;                 // the pod's first process
  const PodUsers* users;      // of a pod with a user namespace of its own
};

// `pod` has just this app, whose root is at its place in the pod. Makes its volumes, mounts what belongs into
// the root, writes unit, launch plans and environment.
Result<> set_up_app(const SetupPlace& place, const Pod& pod);
// Writes unit, launch plans and environment of a set-up app anew.
Result<> rewrite_app(const SetupPlace& place, const Pod& pod);
// Removes the files again; the mounts go with the root, whose owner is stage0.
Result<> clear_app(const SetupPlace& place, const Pod& pod);

}  // namespace agena::stage1
