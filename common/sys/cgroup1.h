// cgroup v1: one hierarchy per controller (or few), each at a mount of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

// A v1 hierarchy, and where this process is in it.
struct Cgroup1 {
  DirFd root;       // what is mounted
  std::string own;  // relative to it, without a leading slash ("" for the root itself)
};

// The mounted v1 hierarchy that has this controller ("memory"); nullopt if there is none.
Result<std::optional<Cgroup1>> open_cgroup1(std::string_view controller);
// Removes a v1 cgroup and those below it, waiting up to a second for killed processes to leave. Gone is fine.
Result<> remove_cgroup1(const DirFd& root, const std::string& path);

// Puts a process into a cgroup, of either version.
Result<> enter_cgroup(const DirFd& root, const std::string& path, pid_t pid);

}  // namespace agena::sys
