// Layers as a pod with a user namespace of its own sees them: idmapped mounts, so that the layers stay shared
// and as they are.
#pragma once

#include <span>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "common/sys/id_range.h"

namespace agena::stage0 {

// The ids of a pod, and a user namespace that has them, for idmapped mounts.
struct PodUsers {
  sys::IdRange ids;
  sys::UniqueFd user_namespace;

  static Result<PodUsers> of(const sys::IdRange& ids);
};

// Detached mounts of the layers, in which the ids are those of the pod.
class MappedLayers {
 public:
  static Result<MappedLayers> make(std::span<const sys::DirFd> plain, const PodUsers& users);

  // The layers, in the order of `plain`.
  std::span<const sys::DirFd> open() const { return open_; }

 private:
  // A detached mount ends with the descriptor that it was made with.
  std::vector<sys::UniqueFd> mounts_;
  std::vector<sys::DirFd> open_;
};

}  // namespace agena::stage0
