// Mounts by the new mount API (kernel 5.12 or newer): a mount is made detached, adjusted, then attached to an
// open target, so that no path is resolved twice and a mount is never visible half-configured.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

// A file system to be mounted.
struct FilesystemSpec {
  std::string type;         // "tmpfs", "proc", ...
  std::string source = {};  // shown in mountinfo; the type if empty
  // fsconfig(2) settings; an empty value sets a flag ("ro", "volatile").
  std::vector<std::pair<std::string, std::string>> options = {};
  std::uint64_t attributes = 0;  // MOUNT_ATTR_*
};

// Makes a file system, detached: fsopen, fsconfig, fsmount. The kernel's own explanation is part of the error
// if it gives one.
Result<UniqueFd> make_filesystem(const FilesystemSpec& spec);
// A detached copy of the mount at a path: open_tree(2) with OPEN_TREE_CLONE. Recursive copies take the
// submounts along.
Result<UniqueFd> clone_mount(DirRef dir, const std::string& path, bool recursive);
// Sets and clears MOUNT_ATTR_* on a (detached) mount; propagation is MS_PRIVATE, MS_SLAVE, ... or 0.
Result<> set_mount_attributes(const UniqueFd& mount, std::uint64_t set, std::uint64_t clear,
                              std::uint64_t propagation, bool recursive);
// Attaches a detached mount on an open file or directory (O_PATH suffices).
Result<> attach_mount(const UniqueFd& mount, const UniqueFd& target);
// Reads what the kernel wrote into the log of a file system context; empty if nothing.
std::string filesystem_log(const UniqueFd& context);

}  // namespace agena::sys
