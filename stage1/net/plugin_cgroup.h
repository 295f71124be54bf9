// A cgroup for the plugins that work for a pod, and whatever they start: a helper that outlives its plugin
// (one that waits for a lock, say) must not get to work when the pod is gone.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage1 {

class PluginCgroup {
 public:
  // Makes it beside the pod's cgroup on record, whose limits are not for plugins.
  static Result<PluginCgroup> make(const sys::DirFd& pod_dir);
  PluginCgroup(PluginCgroup&& other) noexcept = default;
  PluginCgroup& operator=(PluginCgroup&&) = delete;
  PluginCgroup(const PluginCgroup&) = delete;
  PluginCgroup& operator=(const PluginCgroup&) = delete;
  ~PluginCgroup();

  // For plugins to be born in; nullptr if it could not be made again after kill_rest().
  const sys::DirFd* dir() const { return dir_ ? &dir_ : nullptr; }
  // After a plugin that has done its work: what it has left running is a daemon and moves to the caller's
  // cgroup.
  void spare_rest() const;
  // After one that has failed.
  void kill_rest();

 private:
  PluginCgroup(sys::DirFd root, std::string path, sys::DirFd dir)
      : root_(std::move(root)), path_(std::move(path)), dir_(std::move(dir)) {}

  sys::DirFd root_;  // empty: moved from
  std::string path_;
  sys::DirFd dir_;
};

// Kills what plugins of a pod still do whose supervisor is gone, and removes their cgroup. Nothing there is
// fine.
Result<> end_plugins(const sys::DirFd& pod_dir);

// Whether the path of a cgroup on record can be one: never the root, nor anything by "..". The file could be
// broken.
Result<> check_recorded_cgroup(std::string_view path);

}  // namespace agena::stage1
