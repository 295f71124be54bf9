// The overlay that will be the root of an app in a pod that runs. Internal to stage0/app.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/store/store.h"
#include "stage0/tree/mapped_layers.h"

namespace agena::stage0 {

// Of the app's writable layer, in the pod directory: overlay/app-APP.
std::string app_directory(const std::string& app);

// Where the root's parts are, and how it is made. What it refers to must outlive it.
struct RootMaker {
  const std::string& data_dir;
  const Store& store;
  const sys::DirFd& pod;  // opened in this mount namespace, as the store
  const PodUsers* users;  // of a pod with a user namespace of its own
  std::string selinux_context;

  // The root as a detached mount, on any kernel.
  Result<sys::UniqueFd> make(const std::string& app) const;
  // The way for kernels that make no detached overlays: it is mounted in a mount namespace that a thread has
  // for a moment. Public so that it is tested on new kernels too.
  Result<sys::UniqueFd> make_by_mounting(const std::string& app) const;
};

}  // namespace agena::stage0
