// A list of things to mount and make below a root, as data: decided and tested apart from being carried out.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::sys {

enum class MountKind {
  kFilesystem,  // a new file system of `type` with `options`
  kBind,        // the mount at `source`
  kDirectory,   // no mount: a directory with `mode`
  kFile,        // no mount: an empty file, unless something is there
  kSymlink,     // no mount: a symlink to `source`, unless something is there
  kNode,        // no mount: a device node `device` with `mode` (S_IFCHR | permissions)
};

enum class MissingSource { kError, kSkip };

struct MountOp {
  MountKind kind = MountKind::kBind;
  std::string target = {};  // inside the root; symlinks are resolved inside it; missing mount points are made
  std::string source = {};  // kBind: path on the host, or inside the root; kSymlink: its text
  bool source_in_root = false;
  bool recursive = false;
  MissingSource missing = MissingSource::kError;
  // Only when the target exists (masking of kernel files that depend on the configuration).
  bool only_existing_target = false;
  // Only when nothing is at the target (defaults that an image may override).
  bool only_missing_target = false;
  std::string type = {};
  std::vector<std::pair<std::string, std::string>> options = {};
  std::uint64_t attributes = 0;  // MOUNT_ATTR_* to set
  mode_t mode = 0755;
  dev_t device = 0;
};

using MountPlan = std::vector<MountOp>;

// One line of text per operation, for golden tests and --debug.
std::string to_string(const MountPlan& plan);
// Carries out the operations in order; the error names the operation. Call it only in a private mount
// namespace.
Result<> run_mount_plan(const DirFd& root, const MountPlan& plan);

}  // namespace agena::sys
