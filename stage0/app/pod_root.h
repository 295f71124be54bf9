// The root directory of a running pod, in the pod's mount namespace, where the roots of its apps are mounted.
// Internal to stage0/app.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

class PodRoot {
 public:
  // Of the pod with this first process, which must be alive.
  static Result<PodRoot> open(pid_t first_process);

  // Runs the work in a thread of its own that is in the pod's mount namespace; paths and symbolic links
  // without a descriptor lead to the pod's files there. `root` is the root directory.
  Result<> inside(const std::function<Result<>(const sys::DirFd& root)>& work) const;

  // Attaches a detached mount at the place of an app's root.
  Result<> attach(const std::string& app, const sys::UniqueFd& mount) const;
  // The same for a pod with a user namespace of its own, whose root must not be able to change the mount's
  // attributes: the kernel locks those of mounts that reach another user namespace by propagation, but not of
  // those that are attached there. `scratch` is a directory of the host, in which nothing stays.
  Result<> attach_locked(const std::string& app, const sys::UniqueFd& mount,
                         const std::string& scratch) const;
  // Detaches whatever is mounted there, with all below; nothing is fine.
  Result<> detach(const std::string& app) const;

 private:
  PodRoot(sys::DirFd root, sys::UniqueFd mount_namespace)
      : root_(std::move(root)), mount_namespace_(std::move(mount_namespace)) {}
  sys::DirFd root_;
  sys::UniqueFd mount_namespace_;
};

}  // namespace agena::stage0
