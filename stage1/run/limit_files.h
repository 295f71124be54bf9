// Limits as the files of a cgroup, in the notation of v1 or v2.
#pragma once

#include <string>
#include <vector>

#include "stage1/plan/resources.h"

namespace agena::stage1 {

// What is to be written into one file of a cgroup.
struct LimitFile {
  std::string name;  // "memory.max"
  std::string text;
  bool operator==(const LimitFile&) const = default;
};

// The files of one controller, in the order in which they are written; empty if nothing is limited.
std::vector<LimitFile> v1_files(Controller controller, const CgroupLimits& limits);
std::vector<LimitFile> v2_files(Controller controller, const CgroupLimits& limits);

}  // namespace agena::stage1
