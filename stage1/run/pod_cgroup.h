// What a pod needs outside its namespaces: its cgroup.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "common/sys/fd.h"

namespace agena::stage1 {

class PodCgroup {
 public:
  // Makes the cgroup below the caller's own and records it for gc.
  static Result<PodCgroup> make(const sys::DirFd& pod_dir, const Uuid& uuid);

  const sys::DirFd& dir() const { return dir_; }
  Result<> remove() const;
  // Has the kernel wait for RCU now, so that systemd need not when it moves itself and the apps.
  void warm_up() const;

 private:
  PodCgroup(sys::DirFd root, std::string own, std::string path, sys::DirFd dir);
  sys::DirFd root_;
  std::string own_;
  std::string path_;
  sys::DirFd dir_;
};

}  // namespace agena::stage1
