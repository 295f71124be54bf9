// Running a program in the namespaces of a pod that runs already.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "common/sys/pidfd.h"

namespace agena::stage1 {

// A running app, whose mount namespace can be joined.
struct AppMounts {
  sys::PidFd process;
  // Its root, by which the namespace is known.
  dev_t device = 0;
  ino_t inode = 0;
};

// A process of the app that has just the app's root; nullopt if there is none (the app does not run, or has
// another root by now). `pod_root` is the pod's root, seen from outside.
std::optional<AppMounts> find_app_mounts(const sys::DirFd& pod_root, const std::string& app);

// Joins the pod of this first process, has a child carry out `body` there (which is to become the program),
// and waits for it; returns its exit code. The calling process, which must have one thread, stays half in the
// pod. With `app`, the child is in the app's mount namespace if that can be had, which `body` is told.
Result<int> run_in_pod(const sys::PidFd& init, const std::optional<AppMounts>& app,
                       const std::function<int(bool in_app)>& body);

}  // namespace agena::stage1
