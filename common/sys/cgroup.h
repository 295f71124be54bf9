// cgroup v2. The hierarchy is reached through a detached mount of our own, so it does not matter where the
// host has mounted it: pure v2, hybrid (at /sys/fs/cgroup/unified) or v1 only (not mounted at all).
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

// Root of the v2 hierarchy as seen from the current cgroup namespace; never attached anywhere.
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
