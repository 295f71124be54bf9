#include "stage1/net/plugin_cgroup.h"

#include <climits>
#include <cstdint>
#include <optional>
#include <utility>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/cgroup.h"
#include "common/sys/cgroup1.h"
#include "common/sys/fs.h"

namespace agena::stage1 {
namespace {

// Path of the plugins' cgroup, from the pod's; nullopt for a pod that never came to one, or whose record a
// power cut has emptied.
Result<std::optional<std::string>> path_for(const sys::DirFd& pod_dir) {
  constexpr std::size_t kMaxBytes = 8 * PATH_MAX;
  const auto recorded = sys::read_file(pod_dir, contract::pod_paths::kSubcgroup, kMaxBytes);
  if (!recorded && recorded.error().kind() == ErrorKind::kNotFound) return std::optional<std::string>();
  if (!recorded) return std::unexpected(recorded.error());
  const std::string pods(trim(cut(*recorded, '\n').before));
  if (pods.empty()) return std::optional<std::string>();
  TRY(check_recorded_cgroup(pods));
  return std::optional(pods + "-plugins");
}

Result<> move_all(const sys::DirFd& root, const sys::DirFd& from) {
  const std::string own = TRY(sys::own_cgroup2_path());
  const std::string processes = TRY(sys::read_file(from, "cgroup.procs"));
  for (const std::string& line : split(trim(processes), '\n')) {
    if (line.empty()) continue;
    const auto pid = static_cast<pid_t>(TRY(parse_int(line, 1, INT32_MAX)));
    // It may end meanwhile.
    if (const auto moved = sys::enter_cgroup(root, own, pid); !moved && moved.error().sys_errno() != ESRCH)
      return moved;
  }
  return {};
}

Result<> end_all(const sys::DirFd& root, const std::string& path) {
  TRY(sys::kill_cgroup(root, path));
  return sys::remove_cgroup(root, path);
}

Result<sys::DirFd> make_at(const sys::DirFd& root, const std::string& path) {
  TRY_CTX(sys::make_dir(root, path), "making a cgroup for plugins");
  return sys::open_dir(root, path);
}

}  // namespace

Result<PluginCgroup> PluginCgroup::make(const sys::DirFd& pod_dir) {
  auto path = TRY(path_for(pod_dir));
  if (!path) return fail(ErrorKind::kInternal, "the pod has no cgroup on record");
  sys::DirFd root = TRY(sys::open_cgroup2());
  sys::DirFd dir = TRY(make_at(root, *path));
  return PluginCgroup(std::move(root), *std::move(path), std::move(dir));
}

PluginCgroup::~PluginCgroup() {
  if (!root_) return;
  if (const auto ended = end_all(root_, path_); !ended) log::debug("{}", ended.error().to_string());
}

void PluginCgroup::spare_rest() const {
  if (!dir_) return;
  if (const auto moved = move_all(root_, dir_); !moved)
    log::debug("what a plugin has left running: {}", moved.error().to_string());
}

void PluginCgroup::kill_rest() {
  // Into a cgroup that was killed once, kernels (6.14 and later) let nobody be born alive.
  dir_.reset();
  const auto renew = [&]() -> Result<> {
    TRY(end_all(root_, path_));
    dir_ = TRY(make_at(root_, path_));
    return {};
  };
  if (const auto renewed = renew(); !renewed)
    log::debug("what a plugin has left running: {}", renewed.error().to_string());
}

Result<> end_plugins(const sys::DirFd& pod_dir) {
  const auto path = TRY(path_for(pod_dir));
  if (!path) return {};
  const sys::DirFd root = TRY(sys::open_cgroup2());
  return end_all(root, *path);
}

Result<> check_recorded_cgroup(std::string_view path) {
  if (path.empty() || path.starts_with('/') || fmt::format("/{}/", path).contains("/../"))
    return fail(ErrorKind::kInvalidInput, "file '{}' does not name a cgroup",
                contract::pod_paths::kSubcgroup);
  return {};
}

}  // namespace agena::stage1
