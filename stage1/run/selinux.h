// SELinux labels of a pod in stage1: file systems that are made for it, and its first process. Empty labels
// change nothing.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/sys/mount_plan.h"

namespace agena::stage1 {

// The plan with the label on every new file system that has files of the pod (tmpfs, devpts, mqueue); proc
// and sysfs keep the policy's labels.
sys::MountPlan with_selinux_context(sys::MountPlan plan, const std::string& context);
// The next program that this process executes runs under the label.
Result<> set_exec_context(const std::string& context);

}  // namespace agena::stage1
