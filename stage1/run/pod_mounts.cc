#include "stage1/run/pod_mounts.h"

#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>

#include "common/contract/pod_paths.h"
#include "common/stage2/app_plan.h"
#include "stage1/units/pod_units.h"

namespace agena::stage1 {
namespace {

using sys::MissingSource;
using sys::MountKind;
using sys::MountOp;
using sys::MountPlan;
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

MountOp symlink(std::string target, std::string text) {
  return {.kind = MountKind::kSymlink, .target = std::move(target), .source = std::move(text)};
}

MountOp bind_inside(std::string source, std::string target) {
  return {.kind = MountKind::kBind,
          .target = std::move(target),
          .source = std::move(source),
          .source_in_root = true};
}

struct Node {
  const char* name;
  unsigned major;
  unsigned minor;
};
// Documentation/admin-guide/devices.txt.
constexpr std::array kNodes = {Node{"null", 1, 3},   Node{"zero", 1, 5},    Node{"full", 1, 7},
                               Node{"random", 1, 8}, Node{"urandom", 1, 9}, Node{"tty", 5, 0}};

struct Link {
  const char* name;
  const char* text;
};
constexpr std::array kLinks = {Link{"ptmx", "pts/ptmx"}, Link{"fd", "/proc/self/fd"},
                               Link{"stdin", "/proc/self/fd/0"}, Link{"stdout", "/proc/self/fd/1"},
                               Link{"stderr", "/proc/self/fd/2"}};

// A /dev of its own: closed list of nodes, the usual links. `at` is its path in the pod's root.
void add_dev(MountPlan& plan, const std::string& at) {
  plan.push_back(
      filesystem(at, "tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, {{"mode", "755"}, {"size", "65536"}}));
  for (const Node& node : kNodes)
    plan.push_back({.kind = MountKind::kNode,
                    .target = at + "/" + node.name,
                    .mode = S_IFCHR | 0666,
                    .device = makedev(node.major, node.minor)});
  for (const Link& link : kLinks) plan.push_back(symlink(at + "/" + link.name, link.text));
}

// Kernel files that tell about or control the host; a path that this kernel does not have is skipped.
struct Protected {
  const char* path;
  enum { kHideFile, kHideDirectory, kReadOnly } how;
};
constexpr std::array kProtected = {
    Protected{"proc/config.gz", Protected::kHideFile},
    Protected{"proc/kallsyms", Protected::kHideFile},
    Protected{"proc/sched_debug", Protected::kHideFile},
    Protected{"proc/kcore", Protected::kHideFile},
    Protected{"proc/keys", Protected::kHideFile},
    Protected{"proc/timer_list", Protected::kHideFile},
    Protected{"proc/acpi", Protected::kHideDirectory},
    Protected{"proc/scsi", Protected::kHideDirectory},
    Protected{"sys/firmware", Protected::kHideDirectory},
    Protected{"sys/module", Protected::kHideDirectory},
    Protected{"sys/power", Protected::kHideDirectory},
    Protected{"proc/bus", Protected::kReadOnly},
    Protected{"proc/fs", Protected::kReadOnly},
    Protected{"proc/irq", Protected::kReadOnly},
    Protected{"proc/sys", Protected::kReadOnly},
    Protected{"proc/sysrq-trigger", Protected::kReadOnly},
};

MountOp protection(const std::string& root, const Protected& row) {
  const std::string at = root + "/" + row.path;
  MountOp op = row.how == Protected::kHideDirectory
                   ? filesystem(at, "tmpfs", kInert | MOUNT_ATTR_RDONLY, {{"mode", "0"}, {"size", "0"}})
                   : bind_inside(row.how == Protected::kReadOnly ? at : "dev/null", at);
  if (row.how == Protected::kReadOnly) op.attributes = kInert | MOUNT_ATTR_RDONLY;
  op.only_existing_target = true;
  return op;
}

void add_conf_file(MountPlan& plan, ConfSource source, const std::string& root, const char* name,
                   const char* stage0_file) {
  const std::string at = root + "/etc/" + name;
  if (source == ConfSource::kHost)
    plan.push_back({.kind = MountKind::kBind,
                    .target = at,
                    .source = std::string("/etc/") + name,
                    .missing = MissingSource::kSkip,
                    .attributes = MOUNT_ATTR_RDONLY});
  if (source == ConfSource::kStage0) plan.push_back(bind_inside(stage0_file, at));
}

void add_conf_files(MountPlan& plan, const RunOptions& options, const std::string& root) {
  add_conf_file(plan, options.dns.resolv_conf, root, "resolv.conf", paths::kResolvConf);
  add_conf_file(plan, options.dns.hosts, root, "hosts", paths::kHosts);
  if (options.dns.hosts == ConfSource::kDefault) {
    MountOp fallback = bind_inside(paths::kHostsFallback, root + "/etc/hosts");
    fallback.only_missing_target = true;
    plan.push_back(std::move(fallback));
  }
  plan.push_back(bind_inside("proc/sys/kernel/hostname", root + "/etc/hostname"));
}

void add_volumes(MountPlan& plan, const std::vector<stage2::AppMount>& mounts, const std::string& root) {
  for (const stage2::AppMount& mount : mounts) {
    const bool host = mount.volume.kind == schema::VolumeKind::kHost;
    plan.push_back({.kind = MountKind::kBind,
                    .target = root + mount.path,
                    // Relative to the pod directory, which is the working directory.
                    .source = host ? mount.volume.source
                                   : std::string(paths::kSharedVolumes) + "/" + mount.volume.name.str(),
                    .recursive = host && mount.volume.recursive.value_or(true),
                    .attributes = mount.read_only ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0});
  }
}

}  // namespace

sys::MountPlan pod_mounts(const Pod& pod) {
  MountPlan plan;
  plan.push_back(filesystem("proc", "proc", kInert));
  plan.push_back(filesystem("sys", "sysfs", kInert | MOUNT_ATTR_RDONLY));
  // systemd would raise fs.file-max and fs.nr_open of the host here.
  MountOp sysctl = bind_inside("proc/sys", "proc/sys");
  sysctl.attributes = MOUNT_ATTR_RDONLY;
  plan.push_back(std::move(sysctl));
  add_dev(plan, "dev");
  plan.push_back(filesystem("dev/pts", "devpts", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
                            {{"newinstance", ""}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}}));
  plan.push_back(filesystem("dev/shm", "tmpfs", kInert, {{"mode", "1777"}, {"size", "64m"}}));
  if (!pod.options.share_ipc) plan.push_back(filesystem("dev/mqueue", "mqueue", kInert));
  return plan;
}

Result<sys::MountPlan> app_mounts(const Pod& pod, const PodApp& app, bool overlay_root) {
  const std::string root = paths::app_root_in_stage1(app.name());
  MountPlan plan;
  // pivot_root needs a mount point; a copied root is a plain directory.
  if (!overlay_root) {
    MountOp self = bind_inside(root, root);
    self.attributes = MOUNT_ATTR_NODEV;
    plan.push_back(std::move(self));
  }
  plan.push_back(bind_inside("proc", root + "/proc"));
  MountOp sys = bind_inside("sys", root + "/sys");
  sys.recursive = true;
  sys.attributes = pod.options.restrict_paths ? std::uint64_t{MOUNT_ATTR_RDONLY} : 0;
  plan.push_back(std::move(sys));
  add_dev(plan, root + "/dev");
  for (const char* shared : {"dev/pts", "dev/shm"}) plan.push_back(bind_inside(shared, root + "/" + shared));
  if (!pod.options.share_ipc) plan.push_back(bind_inside("dev/mqueue", root + "/dev/mqueue"));
  plan.push_back({.kind = MountKind::kDirectory, .target = root + "/tmp", .mode = 01777});
  plan.push_back({.kind = MountKind::kDirectory, .target = root + "/run"});
  if (app.life.notifies) plan.push_back(bind_inside(notify_socket(app.name()), root + kAppNotifySocket));
  if (pod.options.restrict_paths)
    for (const Protected& row : kProtected) plan.push_back(protection(root, row));
  add_conf_files(plan, pod.options, root);
  add_volumes(plan, TRY(stage2::mounts_of_app(pod.manifest, app)), root);
  return plan;
}

}  // namespace agena::stage1
