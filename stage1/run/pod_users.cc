#include "stage1/run/pod_users.h"

#include <linux/mount.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "stage1/run/pod_mounts.h"

namespace agena::stage1 {
namespace {

namespace paths = contract::pod_paths;

// Where the supervisor's part of the plans is, below the pod's root.
constexpr const char* kHostPlace = "run/agena/host";

// A directory of the pod whose files have the pod's ids on disk, in the view where ids are mapped.
Result<> show_unmapped(const sys::DirFd& plain, const sys::DirFd& view, const char* path) {
  const sys::UniqueFd mount = TRY(sys::clone_mount(plain, path, /*recursive=*/true));
  const sys::UniqueFd target = TRY(sys::open_at(view, path, O_PATH | O_DIRECTORY));
  TRY_CTX(sys::attach_mount(mount, target), "showing '{}' to the pod", path);
  return {};
}

Result<> make_volumes_dir(const sys::DirFd& pod_dir, const sys::IdRange& ids) {
  TRY(sys::make_dir(pod_dir, paths::kSharedVolumes));
  if (::fchownat(pod_dir.get(), paths::kSharedVolumes, ids.first, ids.first, AT_SYMLINK_NOFOLLOW) != 0)
    return sys_fail("giving '{}' to the pod", paths::kSharedVolumes);
  return {};
}

}  // namespace

Result<PodUsers> PodUsers::enter(const sys::DirFd& pod_dir, const sys::IdRange& ids) {
  sys::UniqueFd user_namespace = TRY(sys::make_user_namespace(ids));
  TRY(make_volumes_dir(pod_dir, ids));
  const sys::UniqueFd mount = TRY(sys::clone_idmapped(pod_dir, "", user_namespace));
  const sys::UniqueFd target = TRY(sys::open_at(pod_dir, ".", O_PATH | O_DIRECTORY));
  TRY_CTX(sys::attach_mount(mount, target), "showing the pod directory to the pod");
  const sys::DirFd view = TRY(sys::open_dir(sys::DirRef(mount.get()), "."));
  for (const char* path : {paths::kStage1Root, paths::kSharedVolumes, paths::kSharedMounts})
    if (TRY(sys::exists(pod_dir, path))) TRY(show_unmapped(pod_dir, view, path));
  if (::fchdir(view.get()) != 0) return sys_fail("entering the pod directory");
  return PodUsers(ids, std::move(user_namespace), TRY(sys::FileOwner::become(ids)));
}

namespace {

bool is_of_host(const sys::MountOp& op) {
  if (op.kind == sys::MountKind::kNode) return true;
  return op.kind == sys::MountKind::kBind && op.from == sys::MountSource::kHost && op.source.starts_with('/');
}

// Where the supervisor puts what an operation needs: the same place for all that need the same.
std::string place_of(const sys::MountOp& op) {
  if (op.kind == sys::MountKind::kNode)
    return fmt::format("{}/node-{:o}-{:x}", kHostPlace, op.mode, op.device);
  const std::string key = fmt::format("{}{}{} {}", op.recursive ? 'r' : '-', op.map_ids ? 'm' : '-',
                                      static_cast<int>(op.propagation), op.source);
  // Supervisor and pod-init are the same program.
  return fmt::format("{}/bind-{:016x}", kHostPlace, std::hash<std::string>()(key));
}

}  // namespace

sys::MountPlan host_part_of_plan(const sys::MountPlan& plan) {
  sys::MountPlan part;
  for (const sys::MountOp& op : plan) {
    if (!is_of_host(op)) continue;
    sys::MountOp host = op;
    host.target = place_of(op);
    host.attributes = 0;
    host.only_existing_target = host.only_missing_target = false;
    part.push_back(std::move(host));
  }
  return part;
}

namespace {

sys::MountOp taken_from_place(const sys::MountOp& op) {
  sys::MountOp part = op;
  part.source = place_of(op);
  part.from = sys::MountSource::kPod;
  part.kind = sys::MountKind::kBind;
  part.map_ids = false;
  part.mode = sys::MountOp().mode;
  part.device = 0;
  return part;
}

}  // namespace

sys::MountPlan pod_part_of_plan(const sys::MountPlan& plan) {
  sys::MountPlan part;
  for (const sys::MountOp& op : plan) part.push_back(is_of_host(op) ? taken_from_place(op) : op);
  return part;
}

sys::MountPlan with_nodes_of_pod(const sys::MountPlan& plan) {
  sys::MountPlan part;
  for (const sys::MountOp& op : plan)
    part.push_back(op.kind == sys::MountKind::kNode ? taken_from_place(op) : op);
  return part;
}

Result<sys::MountPlan> host_part_of_plans(const Pod& pod) {
  // Device nodes must work in it, and nobody but root of the pod reach it.
  sys::MountPlan plan = {{.kind = sys::MountKind::kFilesystem,
                          .target = kHostPlace,
                          .type = "tmpfs",
                          .options = {{"mode", "700"}},
                          .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC}};
  const auto add = [&](const sys::MountPlan& whole) {
    for (sys::MountOp& op : host_part_of_plan(whole))
      if (std::ranges::find(plan, op.target, &sys::MountOp::target) == plan.end())
        plan.push_back(std::move(op));
  };
  add(pod_mounts(pod));
  for (const PodApp& app : pod.apps) {
    // Which of the rest a user's mounts cover is known inside the app's root only.
    add(app_mounts(pod, app, {}, {}));
    add(TRY_CTX(user_mounts(pod, app), "app '{}'", app.name()));
  }
  return plan;
}

Result<sys::DirFd> unlock_root(const sys::DirFd& pod_dir) {
  const sys::UniqueFd mount = TRY(sys::clone_mount(pod_dir, paths::kStage1Root, /*recursive=*/true));
  const sys::UniqueFd target = TRY(sys::open_at(pod_dir, paths::kStage1Root, O_PATH | O_DIRECTORY));
  TRY_CTX(sys::attach_mount(mount, target), "mounting the pod's root upon itself");
  return sys::open_dir(sys::DirRef(mount.get()), ".");
}

}  // namespace agena::stage1
