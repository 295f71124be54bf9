// What a stage1 image says of itself: its entrypoints and the interface version it speaks, from the
// annotations of its image manifest.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/contract/entrypoints.h"
#include "common/sys/fd.h"
#include "manifests/schema/image_manifest.h"

namespace agena::stage0 {

class Stage1Manifest {
 public:
  // kInvalidInput if the image is no stage1: a required entrypoint is missing, or the interface version is
  // not a number.
  static Result<Stage1Manifest> of(const schema::ImageManifest& manifest);
  // From `stage1/manifest` of a pod.
  static Result<Stage1Manifest> read(const sys::DirFd& pod);

  int interface_version() const { return interface_version_; }
  bool has(contract::Entrypoint entrypoint) const;
  // Absolute path of the program inside the stage1 root; kUnsupported if this stage1 has none.
  Result<std::string> path_of(contract::Entrypoint entrypoint) const;

 private:
  int interface_version_ = 1;
  std::string image_name_;
  std::vector<std::string> paths_;  // by entrypoint; empty: none
};

}  // namespace agena::stage0
