// The path of something that is to be made. Internal to stage0/export.
#pragma once

#include <string>

#include "common/base/result.h"

namespace agena::stage0 {

struct TargetPath {
  std::string dir;
  std::string name;
};

// kInvalidInput if the path does not name anything new ("dir/..").
Result<TargetPath> split_target(const std::string& path);

}  // namespace agena::stage0
