#include "stage1/gc/gc.h"

#include <climits>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/cgroup.h"
#include "common/sys/cgroup1.h"
#include "common/sys/fs.h"
#include "stage1/net/plugin_cgroup.h"
#include "stage1/net/pod_network.h"
#include "stage1/run/host_manager.h"

namespace agena::stage1 {
namespace {

Result<> remove_v2(const std::string& path) {
  TRY(check_recorded_cgroup(path));
  const sys::DirFd root = TRY(sys::open_cgroup2());
  TRY(sys::kill_cgroup(root, path));
  return sys::remove_cgroup(root, path);
}

// "CONTROLLER:PATH"; its processes were killed with the v2 cgroup. After a reboot the host may have no such
// hierarchy any more.
Result<> remove_v1(const std::string& line) {
  const Cut parts = cut(line, ':');
  TRY(check_recorded_cgroup(parts.after));
  const auto hierarchy = TRY(sys::open_cgroup1(parts.before));
  if (!hierarchy) return {};
  return sys::remove_cgroup1(hierarchy->root, std::string(parts.after));
}

Result<> remove_recorded_cgroups(const sys::DirFd& pod_dir) {
  constexpr std::size_t kMaxBytes = 8 * PATH_MAX;
  const auto recorded = sys::read_file(pod_dir, contract::pod_paths::kSubcgroup, kMaxBytes);
  if (!recorded && recorded.error().kind() == ErrorKind::kNotFound) return {};  // it never came to a cgroup
  if (!recorded) return std::unexpected(recorded.error());
  const std::string_view text = trim(*recorded);
  // A power cut came before it was on disk, and no cgroup is older than the machine's start.
  if (text.empty()) return {};
  const auto lines = split(text, '\n');
  TRY(remove_v2(lines.front()));
  for (std::size_t i = 1; i < lines.size(); ++i) TRY(remove_v1(lines[i]));
  return {};
}

}  // namespace

Result<> collect_garbage(const sys::DirFd& pod_dir, const Uuid& uuid, bool debug) {
  // machined's entry keeps nothing else from being freed.
  if (const auto done = unregister_dead_pod(pod_dir, debug); !done)
    log::warning("warning: {}", done.error().to_string());
  // Neither keeps the other from being freed.
  ErrorList errors;
  errors.add_if(remove_recorded_cgroups(pod_dir));
  errors.add_if(tear_down_networks(pod_dir, uuid));
  return errors.to_result();
}

}  // namespace agena::stage1
