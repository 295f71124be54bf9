// Resolving paths that come from an image or a container below its root: openat2(2) with RESOLVE_IN_ROOT, so
// that neither "..", nor absolute or dangling symlinks, nor a rename in between can lead outside. Magic links
// (/proc/PID/fd) are refused.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

// Opens a path inside a root; absolute paths and symlinks start at the root.
Result<UniqueFd> open_in_root(DirRef root, const std::string& path, int flags, mode_t mode = 0);
Result<DirFd> open_dir_in_root(DirRef root, const std::string& path, int flags = 0);

// Opens a path strictly below a directory; an absolute path or a symlink that leaves it is an error
// (RESOLVE_BENEATH).
Result<UniqueFd> open_beneath(DirRef dir, const std::string& path, int flags, mode_t mode = 0);
// As open_beneath, and no symlink anywhere in the path (RESOLVE_NO_SYMLINKS).
Result<UniqueFd> open_beneath_no_symlinks(DirRef dir, const std::string& path, int flags, mode_t mode = 0);

// Where a path inside a root leads: relative to the root, without symlinks, "." and ".."; empty for the root
// itself. A part that does not exist is taken as it stands. For comparing paths; whoever opens the result
// resolves it anew.
Result<std::string> resolve_in_root(DirRef root, const std::string& path);

// Creates missing directories of a path inside a root (0755, root-owned), following symlinks inside the root,
// and opens the last.
Result<DirFd> make_dirs_in_root(DirRef root, const std::string& path, mode_t mode = 0755);
// Makes sure that something that can be mounted over is at path: a directory, or an empty file if `file`. A
// symlink that leads nowhere gets what it points to. Returns an O_PATH descriptor, resolved inside the root
// (existing things stay as they are).
Result<UniqueFd> make_mount_point(DirRef root, const std::string& path, bool file);

}  // namespace agena::sys
