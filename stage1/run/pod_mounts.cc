#include "stage1/run/pod_mounts.h"

#include <linux/mount.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/contract/pod_paths.h"
#include "common/stage2/volumes.h"
#include "common/sys/path_in_root.h"
#include "stage1/iohub/hub.h"
#include "stage1/run/dev_mounts.h"
#include "stage1/run/kernel_settings.h"
#include "stage1/run/pod_files.h"
#include "stage1/run/protected_paths.h"
#include "stage1/units/pod_units.h"

namespace agena::stage1 {
namespace {

using sys::MissingSource;
using sys::MountKind;
using sys::MountOp;
using sys::MountPlan;
using sys::MountSource;
namespace paths = contract::pod_paths;

constexpr std::uint64_t kInert = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

MountOp filesystem(std::string target, std::string type, std::uint64_t attributes,
                   std::vector<std::pair<std::string, std::string>> options = {}) {
  return {.kind = MountKind::kFilesystem,
          .target = std::move(target),
          .type = std::move(type),
          .options = std::move(options),
          .attributes = attributes};
}

MountOp bind_of_pod(std::string source, std::string target) {
  return {.target = std::move(target), .source = std::move(source), .from = MountSource::kPod};
}

// POSIX shared memory belongs to IPC: a pod that shares the host's IPC namespace gets the host's.
MountOp shared_memory(const Pod& pod) {
  if (pod.options.share_ipc) return {.target = "dev/shm", .source = "/dev/shm", .attributes = kInert};
  return filesystem("dev/shm", "tmpfs", kInert, {{"mode", "1777"}, {"size", std::to_string(shm_size(pod))}});
}

// A sysfs shows a network namespace, and is mounted by who has power over that; a pod with a user namespace
// that shares the host's gets the host's mount.
MountOp sys_of(const RunOptions& options) {
  if (!options.private_users || !options.network.is_hosts())
    return filesystem("sys", "sysfs", kInert | MOUNT_ATTR_RDONLY);
  return {.target = "sys", .source = "/sys", .recursive = true, .attributes = kInert | MOUNT_ATTR_RDONLY};
}

// The queues of the IPC namespace, be it the pod's or the host's; likewise.
void add_queues(MountPlan& plan, const RunOptions& options) {
  if (!options.private_users || !options.share_ipc) {
    plan.push_back(filesystem("dev/mqueue", "mqueue", kInert));
    return;
  }
  plan.push_back({.kind = MountKind::kDirectory, .target = "dev/mqueue"});
  plan.push_back({.target = "dev/mqueue",
                  .source = "/dev/mqueue",
                  .missing = MissingSource::kSkip,
                  .attributes = kInert});
}

}  // namespace

sys::MountPlan proc_mount() { return {filesystem("proc", "proc", kInert)}; }

sys::MountPlan pod_mounts(const Pod& pod) {
  MountPlan plan;
  plan.push_back(sys_of(pod.options));
  // systemd would raise fs.file-max and fs.nr_open of the host here.
  MountOp sysctl = bind_of_pod("proc/sys", "proc/sys");
  sysctl.attributes = MOUNT_ATTR_RDONLY;
  plan.push_back(std::move(sysctl));
  add_dev(plan, "dev");
  plan.push_back(filesystem("dev/pts", "devpts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                            {{"newinstance", ""}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}}));
  plan.push_back(shared_memory(pod));
  add_queues(plan, pod.options);
  plan.push_back({.kind = MountKind::kDirectory, .target = kHiddenDirectory, .mode = 0});
  // systemd would read its mounts again whenever one is made, and keep a unit for each: 25 an app. It has
  // none to care for. A file that cannot be polled spares it the watch.
  plan.push_back(bind_of_pod("dev/null", "proc/1/mountinfo"));
  return plan;
}

Result<sys::MountPlan> user_mounts(const Pod& pod, const PodApp& app) {
  MountPlan plan = stage2::volume_mounts(TRY(stage2::mounts_of_app(pod.manifest, app)), /*recursive=*/true);
  std::ranges::move(stage2::tmpfs_mounts(app.app), std::back_inserter(plan));
  return plan;
}

namespace {

// Whether a mount of the user lies on the path or above it, and so takes its place.
bool is_covered(const MountPlan& user, std::string_view path) {
  return std::ranges::any_of(user, [&](const MountOp& op) { return sys::is_at_or_below(path, op.target); });
}

// /proc, /sys and /dev with what belongs into it.
MountPlan kernel_mounts(const Pod& pod) {
  MountPlan plan;
  plan.push_back(bind_of_pod("proc", "proc"));
  MountOp sys = bind_of_pod("sys", "sys");
  sys.recursive = true;
  sys.attributes = pod.options.restrict_paths ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0;
  plan.push_back(std::move(sys));
  add_dev(plan, "dev");
  for (const char* shared : {"dev/pts", "dev/shm", "dev/mqueue"}) plan.push_back(bind_of_pod(shared, shared));
  plan.push_back({.kind = MountKind::kDirectory, .target = "tmp", .mode = 01777});
  plan.push_back({.kind = MountKind::kDirectory, .target = "run"});
  return plan;
}

MountOp host_conf_file(const std::string& target) {
  return {.target = target,
          .source = "/" + target,
          .missing = MissingSource::kSkip,
          .attributes = MOUNT_ATTR_RDONLY};
}

void add_conf_file(MountPlan& plan, ConfSource source, const std::string& target, const char* stage0_file) {
  if (source == ConfSource::kHost) plan.push_back(host_conf_file(target));
  if (source == ConfSource::kStage0) plan.push_back(bind_of_pod(stage0_file, target));
}

// They belong to the app's root: where that is read-only, so are they.
MountPlan conf_files(const RunOptions& options, bool read_only) {
  MountPlan plan;
  add_conf_file(plan, options.dns.resolv_conf, "etc/resolv.conf", paths::kResolvConf);
  add_conf_file(plan, options.dns.hosts, "etc/hosts", kAppsHosts);
  if (options.dns.hosts == ConfSource::kDefault) {
    MountOp fallback = bind_of_pod(kAppsHosts, "etc/hosts");
    fallback.only_missing_target = true;
    plan.push_back(std::move(fallback));
  }
  plan.push_back(bind_of_pod("proc/sys/kernel/hostname", "etc/hostname"));
  if (read_only)
    for (MountOp& op : plan) op.attributes |= MOUNT_ATTR_RDONLY;
  return plan;
}

// Files of /etc lie on top of the user's mounts, save where one is for that very file. In a directory of the
// user's nothing is made for them.
void add_conf_files(MountPlan& plan, MountPlan files, const MountPlan& user) {
  for (MountOp& op : files) {
    if (std::ranges::find(user, op.target, &MountOp::target) != user.end()) continue;
    if (is_covered(user, op.target)) {
      if (op.only_missing_target) continue;
      op.only_existing_target = true;
    }
    plan.push_back(std::move(op));
  }
}

}  // namespace

sys::MountPlan app_mounts(const Pod& pod, const PodApp& app, const sys::MountPlan& user,
                          const std::vector<std::string>& hidden) {
  MountPlan plan = kernel_mounts(pod);
  plan.push_back(bind_of_pod(std::string(kSyslogDir) + "/" + app.name(), "dev/log"));
  std::erase_if(plan, [&](const MountOp& op) { return is_covered(user, op.target); });
  Protections protection;
  if (pod.options.restrict_paths) protection = protections(user, hidden);
  std::ranges::copy(protection.before, std::back_inserter(plan));
  std::ranges::copy(user, std::back_inserter(plan));
  add_conf_files(plan, conf_files(pod.options, app.runtime.read_only_root_fs), user);
  // On top of a volume, since an app that notifies would wait in vain otherwise.
  if (app.life.notifies)
    plan.push_back(bind_of_pod(notify_socket(app.name()), std::string(kAppNotifySocket).substr(1)));
  std::ranges::copy(protection.after, std::back_inserter(plan));
  return plan;
}

Result<sys::DirFd> open_app_root(const sys::DirFd& root, const PodApp& app, bool overlay) {
  const std::string path = paths::app_root_in_stage1(app.name());
  if (!overlay)
    TRY(sys::run_mount_plan(root, {{.target = path,
                                    .source = path,
                                    .from = sys::MountSource::kTarget,
                                    .attributes = MOUNT_ATTR_NODEV}}));
  return sys::open_dir_in_root(root, path);
}

}  // namespace agena::stage1
