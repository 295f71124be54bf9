// cgroup v2, through the mount that the host has: pure v2 at /sys/fs/cgroup, hybrid at
// /sys/fs/cgroup/unified, or elsewhere. Never a mount of our own in the host's cgroup namespace: that would
// reset the options of the whole hierarchy (nsdelegate, memory_recursiveprot, favordynmods;
// kernel/cgroup/cgroup.c: apply_cgroup_root_flags), and wait for a grace period.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

// Root of the v2 hierarchy; kUnsupported if the host has not mounted it.
Result<DirFd> open_cgroup2();
// Path of this process in the v2 hierarchy, relative to its root, without a leading slash ("" for the root
// itself).
Result<std::string> own_cgroup2_path();
// Whether the cgroup and those below it hold no process (cgroup.events: populated 0). A cgroup that is gone
// is empty.
Result<bool> cgroup_is_empty(const DirFd& root, const std::string& path);
// Kills all processes in a cgroup and below (cgroup.kill; on kernels before 5.14 by their pids). Gone is
// fine.
Result<> kill_cgroup(const DirFd& root, const std::string& path);
// Removes a cgroup and those below it, deepest first; waits up to a second for killed processes to leave.
// Gone is fine.
Result<> remove_cgroup(const DirFd& root, const std::string& path);

}  // namespace agena::sys
