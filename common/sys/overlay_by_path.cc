// Overlays on kernels that take no descriptors (before 6.13; Debian 12 has 6.1).
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "common/sys/overlay.h"

namespace agena::sys {
namespace {

// The working directory while it is another one.
class WorkingDirectory {
 public:
  static Result<WorkingDirectory> change(const char* path) {
    WorkingDirectory change(TRY(open_dir(".")));
    const DirFd dir = TRY(open_dir(path));
    if (::fchdir(dir.get()) != 0) return sys_fail("entering '{}'", path);
    return change;
  }
  WorkingDirectory(WorkingDirectory&&) = default;
  WorkingDirectory& operator=(WorkingDirectory&&) = delete;
  ~WorkingDirectory() {
    if (before_) (void)!::fchdir(before_.get());  // cannot fail: we hold the directory
  }

 private:
  explicit WorkingDirectory(DirFd before) : before_(std::move(before)) {}
  DirFd before_;
};

// Mounts that are attached on a directory, one on top of the other, and taken off again.
class StackedMounts {
 public:
  explicit StackedMounts(const DirFd& place) : place_(place) {}
  StackedMounts(const StackedMounts&) = delete;
  StackedMounts& operator=(const StackedMounts&) = delete;
  ~StackedMounts() {
    for (auto it = mounts_.rbegin(); it != mounts_.rend(); ++it)
      (void)::umount2(proc_fd_path((*it)->get()).c_str(), MNT_DETACH);  // it is ours, and on top
  }

  Result<> add(const DirFd& mount) {
    TRY(attach_mount(mount, place_));
    mounts_.push_back(&mount);
    return {};
  }

 private:
  const DirFd& place_;
  std::vector<const DirFd*> mounts_;
};

// Whether a descriptor's mount stands in our mount namespace (proc(5): mnt_id of fdinfo is the first field of
// mountinfo).
Result<bool> is_attached(const DirFd& dir, const std::vector<std::string>& mountinfo) {
  const std::string text = TRY(read_file(at_cwd(), fmt::format("/proc/self/fdinfo/{}", dir.get())));
  for (const std::string& line : split(text, '\n')) {
    if (!line.starts_with("mnt_id:")) continue;
    const std::string id = std::string(trim(line.substr(7))) + " ";
    return std::ranges::any_of(mountinfo, [&](const std::string& mount) { return mount.starts_with(id); });
  }
  return fail(ErrorKind::kSystem, "the kernel does not say where a directory is mounted");
}

// Before they take descriptors, kernels refuse layers of detached mounts, as idmapped ones are
// (fs/namespace.c: clone_private_mount). The overlay has mounts of its own once it is made.
Result<> attach_detached(const OverlaySpec& spec, StackedMounts& stack) {
  // This thread's, which may be in a mount namespace of its own.
  const std::string text = TRY(read_file(at_cwd(), "/proc/thread-self/mountinfo"));
  const std::vector<std::string> mountinfo = split(text, '\n');
  for (const DirFd* lower : spec.lowers)
    if (!TRY(is_attached(*lower, mountinfo))) TRY_CTX(stack.add(*lower), "overlay: attaching a layer");
  return {};
}

// Names are relative to /proc/self/fd, and need no escaping: as many layers as the kernel allows fit into the
// page of options that mount(2) copies.
std::string options_of(const OverlaySpec& spec) {
  std::string options = "lowerdir=";
  for (const DirFd* lower : spec.lowers)
    options += (lower == spec.lowers.front() ? "" : ":") + fmt::format("{}", lower->get());
  if (spec.upper != nullptr) {
    options += fmt::format(",upperdir={},workdir={}", spec.upper->get(), spec.work->get());
    for (const auto& [key, value] : kPlainUpper) options += fmt::format(",{}={}", key, value);
  }
  if (spec.volatile_upper) options += ",volatile";
  // Quoted: categories are separated by a comma.
  if (!spec.selinux_context.empty()) options += ",context=\"" + spec.selinux_context + "\"";
  return options;
}

}  // namespace

Result<> mount_overlay_by_path(const OverlaySpec& spec, const UniqueFd& target) {
  TRY(check_overlay_spec(spec));
  const std::string options = options_of(spec);
  if (options.size() >= static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)))
    return fail(ErrorKind::kUnsupported, "overlay: {} layers are too many for this kernel",
                spec.lowers.size());
  std::optional<StackedMounts> stack;
  if (spec.work != nullptr) TRY(attach_detached(spec, stack.emplace(*spec.work)));
  const WorkingDirectory fds = TRY(WorkingDirectory::change("/proc/self/fd"));
  const std::string place = fmt::format("{}", target.get());
  if (::mount("overlay", place.c_str(), "overlay", MS_NODEV, options.c_str()) != 0)
    return sys_fail("mounting an overlay");
  return {};
}

}  // namespace agena::sys
