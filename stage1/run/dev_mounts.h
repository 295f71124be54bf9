// A /dev: a closed list of nodes and links on a small tmpfs.
#pragma once

#include <string>

#include "common/sys/mount_plan.h"

namespace agena::stage1 {

// Appends a /dev at a path inside the root.
void add_dev(sys::MountPlan& plan, const std::string& at);

}  // namespace agena::stage1
