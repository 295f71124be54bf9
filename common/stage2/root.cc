#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "common/base/strings.h"
#include "common/stage2/step_bodies.h"
#include "common/sys/mount.h"
#include "common/sys/mount_plan.h"
#include "common/sys/namespaces.h"
#include "common/sys/path_in_root.h"

namespace agena::stage2 {
namespace {

// Mounts the root's tree upon itself, with all that is mounted below it: pivot_root(2) wants a mount point,
// and only a mount can be made read-only. In a mount namespace of our own.
Result<> mount_on_itself(const std::string& root, bool read_only) {
  const sys::UniqueFd tree = TRY(sys::clone_mount(sys::at_cwd(), root, /*recursive=*/true));
  // Not recursively: volumes below keep their own mode.
  if (read_only) TRY(sys::set_mount_attributes(tree, MOUNT_ATTR_RDONLY, 0, 0, /*recursive=*/false));
  const sys::UniqueFd target = TRY(sys::open_at(sys::at_cwd(), root, O_PATH | O_DIRECTORY));
  return sys::attach_mount(tree, target);
}

// Number N of the terminal /dev/pts/N that the app has been given, if it has one (devices.txt: major 136).
std::optional<unsigned> terminal_number(const Stdio& stdio) {
  constexpr unsigned kPtsMajor = 136;
  const std::array modes = {stdio.input, stdio.output, stdio.error};
  for (int fd = 0; fd < 3; ++fd) {
    struct stat st{};
    if (modes.at(static_cast<std::size_t>(fd)) == StreamMode::kTty && ::fstat(fd, &st) == 0 &&
        S_ISCHR(st.st_mode) && major(st.st_rdev) == kPtsMajor)
      return minor(st.st_rdev);
  }
  return std::nullopt;
}

// An app with a terminal has it as /dev/console too, unless its /dev is a volume without the pod's terminals.
Result<> mount_console(const LaunchPlan& plan, const std::string& root) {
  const auto number = terminal_number(plan.stdio);
  if (!number) return {};
  return sys::run_mount_plan(TRY(sys::open_dir(root)), {{.target = "dev/console",
                                                         .source = fmt::format("dev/pts/{}", *number),
                                                         .from = sys::MountSource::kTarget,
                                                         .missing = sys::MissingSource::kSkip}});
}

Result<> pivot(const LaunchPlan& plan) {
  // The pod's mounts are slaves of the host's already; the exception are volumes that are to stay shared.
  TRY(sys::unshare_namespaces(CLONE_NEWNS));
  TRY(mount_console(plan, plan.root));
  TRY(mount_on_itself(plan.root, plan.read_only_root));
  return sys::switch_root(TRY(sys::open_dir(plan.root)));
}

Result<> join(const LaunchPlan& plan) {
  TRY(sys::join_mount_namespace(TRY(sys::open_at(sys::at_cwd(), plan.root, O_RDONLY))));
  // What the program mounts is not for the next one.
  TRY(sys::unshare_namespaces(CLONE_NEWNS));
  TRY(mount_console(plan, "/"));
  if (!plan.read_only_root) return {};
  const sys::UniqueFd root = TRY(sys::open_at(sys::at_cwd(), "/", O_PATH | O_DIRECTORY));
  return sys::set_mount_attributes(root, MOUNT_ATTR_RDONLY, 0, 0, /*recursive=*/false);
}

Result<> change_root(const LaunchPlan& plan) {
  if (plan.read_only_root) TRY(mount_on_itself(plan.root, /*read_only=*/true));
  if (::chroot(plan.root.c_str()) != 0) return sys_fail("changing to it");
  // chroot(2) leaves the working directory outside.
  if (::chdir("/") != 0) return sys_fail("entering it");
  return {};
}

Result<> switch_by(const LaunchPlan& plan) {
  switch (plan.root_switch) {
    case RootSwitch::kPivotRoot:
      return pivot(plan);
    case RootSwitch::kChroot:
      return change_root(plan);
    case RootSwitch::kMountNamespace:
      return join(plan);
    case RootSwitch::kNone:
      break;
  }
  return {};
}

}  // namespace

Result<> switch_to_root(LaunchState& state) {
  TRY_CTX(switch_by(state.plan), "'{}'", printable(state.plan.root));
  state.root = TRY(sys::open_dir("/"));
  return {};
}

Result<> enter_working_directory(LaunchState& state) {
  const std::string& path = state.plan.working_directory;
  if (state.plan.create_working_directory) (void)TRY(sys::make_dirs_in_root(state.root, path));
  if (::chdir(path.c_str()) != 0) return sys_fail("'{}'", printable(path));
  return {};
}

}  // namespace agena::stage2
