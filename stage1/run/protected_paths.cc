#include "stage1/run/protected_paths.h"

#include <linux/mount.h>

#include <algorithm>
#include <array>

#include "common/sys/fs.h"

namespace agena::stage1 {
namespace {

constexpr std::uint64_t kInert = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY;

enum class How { kHideFile, kHideDirectory, kReadOnly };

struct Row {
  const char* path;
  How how;
};
// rkt's and docker's paths together. A path that this kernel does not have is skipped. rkt's /proc/kmem and
// /proc/mem are files that no kernel has, and the rest of its read-only paths are covered by the read-only
// /sys and by /proc/sys as a whole; /sys/fs stays visible for the pod's own cgroup.
constexpr std::array kRows = {
    // How the kernel was built: which of its bugs and defences there are.
    Row{"proc/config.gz", How::kHideFile},
    // Addresses of the kernel, for exploits.
    Row{"proc/kallsyms", How::kHideFile},
    Row{"proc/kcore", How::kHideFile},
    // Keys of the host, and who holds them.
    Row{"proc/keys", How::kHideFile},
    // Processes of the whole host with their timing.
    Row{"proc/sched_debug", How::kHideFile},
    Row{"proc/timer_list", How::kHideFile},
    Row{"proc/timer_stats", How::kHideFile},
    Row{"proc/latency_stats", How::kHideFile},
    // The timing of interrupts tells keystrokes apart.
    Row{"proc/interrupts", How::kHideFile},
    // Hardware, and switches that wake or stop it.
    Row{"proc/acpi", How::kHideDirectory},
    Row{"proc/asound", How::kHideDirectory},
    Row{"proc/scsi", How::kHideDirectory},
    Row{"sys/firmware", How::kHideDirectory},
    Row{"sys/hypervisor", How::kHideDirectory},
    Row{"sys/power", How::kHideDirectory},
    // Parameters of drivers, and which are loaded.
    Row{"sys/module", How::kHideDirectory},
    // Energy counters fine enough to tell what other programs compute.
    Row{"sys/devices/virtual/powercap", How::kHideDirectory},
    // Device registers, exports and file systems, interrupt routing, settings, the panic button.
    Row{"proc/bus", How::kReadOnly},
    Row{"proc/fs", How::kReadOnly},
    Row{"proc/irq", How::kReadOnly},
    Row{"proc/mtrr", How::kReadOnly},
    // May be read; who writes makes the kernel watch for him.
    Row{"proc/pressure", How::kReadOnly},
    Row{"proc/sys", How::kReadOnly},
    Row{"proc/sysrq-trigger", How::kReadOnly},
};

sys::MountOp protection(const std::string& path, How how) {
  sys::MountOp op{.target = path, .only_existing_target = true};
  switch (how) {
    case How::kHideFile:
      op.source = "dev/null";
      op.from = sys::MountSource::kPod;
      break;
    case How::kHideDirectory:
      op.source = kHiddenDirectory;
      op.from = sys::MountSource::kPod;
      op.attributes = kInert;
      break;
    case How::kReadOnly:
      op.source = path;
      op.from = sys::MountSource::kTarget;
      op.attributes = kInert;
      break;
  }
  return op;
}

void protect(Protections& all, const sys::MountPlan& volumes, const std::string& path, How how) {
  const bool has_volume = std::ranges::any_of(
      volumes, [&](const sys::MountOp& volume) { return sys::is_at_or_below(volume.target, path); });
  // What is mounted there was asked for: nothing is hidden then.
  if (has_volume && how != How::kReadOnly) return;
  (has_volume ? all.before : all.after).push_back(protection(path, how));
}

}  // namespace

Protections protections(const sys::MountPlan& volumes, const std::vector<std::string>& more_hidden) {
  Protections all;
  for (const Row& row : kRows) protect(all, volumes, row.path, row.how);
  for (const std::string& path : more_hidden) protect(all, volumes, path, How::kHideDirectory);
  return all;
}

Result<std::vector<std::string>> thermal_directories() {
  constexpr const char* kCpus = "/sys/devices/system/cpu";
  const auto of_cpu = [&](const std::string& cpu) {
    return std::string(kCpus) + "/" + cpu + "/thermal_throttle";
  };
  std::vector<std::string> found;
  if (!TRY(sys::exists(sys::at_cwd(), of_cpu("cpu0")))) return found;
  for (const std::string& name : TRY(sys::list_dir(sys::at_cwd(), kCpus)))
    if (name.starts_with("cpu") && TRY(sys::exists(sys::at_cwd(), of_cpu(name))))
      found.push_back(of_cpu(name).substr(1));
  return found;
}

}  // namespace agena::stage1
