#include "stage1/gc/gc.h"

#include <climits>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/cgroup.h"
#include "common/sys/fs.h"
#include "stage1/run/host_manager.h"

namespace agena::stage1 {

namespace {

Result<> remove_recorded_cgroup(const sys::DirFd& pod_dir) {
  const auto recorded = sys::read_file(pod_dir, contract::pod_paths::kSubcgroup, PATH_MAX);
  if (!recorded && recorded.error().kind() == ErrorKind::kNotFound) return {};  // it never came to a cgroup
  if (!recorded) return std::unexpected(recorded.error());
  const std::string path(trim(*recorded));
  // Never the root, nor anything by "..": the file could be broken.
  if (path.empty() || path.starts_with('/') || ("/" + path + "/").contains("/../"))
    return fail(ErrorKind::kInvalidInput, "file '{}' does not name a cgroup",
                contract::pod_paths::kSubcgroup);
  const sys::DirFd root = TRY(sys::open_cgroup2());
  TRY(sys::kill_cgroup(root, path));
  return sys::remove_cgroup(root, path);
}

}  // namespace

Result<> collect_garbage(const sys::DirFd& pod_dir, bool debug) {
  // machined's entry keeps nothing else from being freed.
  if (const auto done = unregister_dead_pod(pod_dir, debug); !done)
    log::warning("warning: {}", done.error().to_string());
  return remove_recorded_cgroup(pod_dir);
}

}  // namespace agena::stage1
