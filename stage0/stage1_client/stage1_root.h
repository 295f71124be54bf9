// Reaching the stage1 root of a pod from outside, where the pod's own mounts are not: for the entrypoints
// that run on the host's side (gc, stop, enter). Works on running, ended and half-deleted pods.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

// Whether open_stage1_root() will have to mount: the root is an overlay of several layers. A copied root and
// one of a single layer are directories as they are.
Result<bool> stage1_root_needs_mount(const sys::DirFd& pod);

// The root and the pod directory, both in the mount namespace in which the root is where it belongs.
struct Stage1Root {
  sys::DirFd pod;
  sys::DirFd root;
};

// Opens the root, for reading and executing. Where it has to be mounted, this thread moves to a mount
// namespace of its own and mounts it read-only at the pod's stage1/rootfs.
Result<Stage1Root> open_stage1_root(const std::string& data_dir, const sys::DirFd& pod);

}  // namespace agena::stage0
