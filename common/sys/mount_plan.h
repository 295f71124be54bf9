// A list of things to mount and make below a root, as data: decided and tested apart from being carried out.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
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

// Where the source of a bind is looked up.
enum class MountSource {
  kHost,    // as it stands; relative to the working directory
  kTarget,  // inside the root that is mounted into
  kPod,     // inside the second root: the pod's, when an app's root is mounted into
};

// Whether mounts that are made later below the source appear in the copy, and the other way round
// (mount_namespaces(7)).
enum class Propagation {
  kPrivate,  // neither
  kSlave,    // those of the source appear
  kShared,   // both ways; the source has to be a shared mount
};

struct MountOp {
  MountKind kind = MountKind::kBind;
  std::string target = {};  // inside the root; symlinks are resolved inside it; missing mount points are made
  std::string source = {};  // kBind: path; kSymlink: its text
  MountSource from = MountSource::kHost;
  bool recursive = false;  // kBind: with the mounts below the source; attributes hold for them too
  Propagation propagation = Propagation::kPrivate;
  bool map_ids = false;  // kBind: idmapped by the user namespace of the roots, if they have one
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
  std::string subject = {};  // what errors call it, as in "volume 'data'"; empty: by its target
};

using MountPlan = std::vector<MountOp>;

// A mount that is attached nowhere yet.
struct DetachedMount {
  UniqueFd fd;  // empty: there is no such source, which the operation allows
  bool is_file = false;
};

// The mounts of plans that come from the host, made while the host can be seen, for plans that are carried
// out in the mount namespace of a running pod.
class HostMounts {
 public:
  // Makes the mount of each bind of the plan whose source is the host's, its ids mapped by `user_namespace`
  // if it asks for that.
  Result<> add(const MountPlan& plan, const UniqueFd* user_namespace);
  // The mount for an operation that equals one of those, whatever its target; each serves once.
  Result<DetachedMount> take(const MountOp& op);

 private:
  std::vector<std::pair<std::string, DetachedMount>> mounts_;
};

// The two roots of a plan; they may be the same.
struct MountRoots {
  const DirFd& target;
  const DirFd& pod;
  const UniqueFd* user_namespace = nullptr;  // whose ids mounts with map_ids show
  HostMounts* host = nullptr;                // what binds of the host's use, if they cannot reach it
};

// One line of text per operation, for golden tests and --debug.
std::string to_string(const MountPlan& plan);
// Carries out the operations in order; the error names the operation. Call it only in a private mount
// namespace.
Result<> run_mount_plan(const MountRoots& roots, const MountPlan& plan);
inline Result<> run_mount_plan(const DirFd& root, const MountPlan& plan) {
  return run_mount_plan({root, root}, plan);
}

// Whether a path is the other one or below it; both without symlinks and trailing slashes, relative ("" is
// the root).
bool is_at_or_below(std::string_view path, std::string_view other);
// Replaces the targets by where they lead inside the root (resolve_in_root), and orders the operations so
// that none hides one that was carried out before: parents first. Of one place, the later operation stays the
// later.
Result<> order_by_place(const DirFd& root, MountPlan& plan);

}  // namespace agena::sys
