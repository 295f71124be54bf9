#include "stage0/app/pod_root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "common/sys/path_in_root.h"
#include "common/sys/pidfd.h"
#include "common/sys/side_thread.h"

namespace agena::stage0 {

namespace paths = contract::pod_paths;

Result<PodRoot> PodRoot::open(pid_t first_process) {
  const sys::PidFd process = TRY(sys::open_pidfd(first_process));
  const std::string proc = fmt::format("/proc/{}", first_process);
  sys::DirFd root = TRY(sys::open_dir(sys::at_cwd(), proc + "/root", O_PATH));
  sys::UniqueFd mount_namespace = TRY(sys::open_at(sys::at_cwd(), proc + "/ns/mnt", O_RDONLY));
  // It lives now, so what was opened before was its own.
  if (TRY(sys::wait_for_end(process, 0))) return fail(ErrorKind::kNotFound, "the pod has ended");
  return PodRoot(std::move(root), std::move(mount_namespace));
}

Result<> PodRoot::inside(const std::function<Result<>(const sys::DirFd& root)>& work) const {
  return sys::run_in_side_thread([&]() -> Result<> {
    if (::setns(mount_namespace_.get(), CLONE_NEWNS) != 0)
      return sys_fail("joining the mount namespace of the pod");
    return work(root_);
  });
}

Result<> PodRoot::attach(const std::string& app, const sys::UniqueFd& mount) const {
  return inside([&](const sys::DirFd& root) -> Result<> {
    const sys::UniqueFd target =
        TRY(sys::open_in_root(root, paths::app_root_in_stage1(app), O_PATH | O_DIRECTORY));
    return sys::attach_mount(mount, target);
  });
}

Result<> PodRoot::detach(const std::string& app) const {
  return inside([&](const sys::DirFd& root) -> Result<> {
    const auto place = sys::open_dir_in_root(root, std::string(paths::kStage2Dir) + "/" + app, O_PATH);
    if (!place && place.error().kind() == ErrorKind::kNotFound) return {};
    if (!place) return std::unexpected(place.error());
    // The thread's own working directory: umount2(2) takes no descriptor.
    if (::fchdir(place->get()) != 0) return sys_fail("entering the directory of app '{}'", app);
    while (::umount2("rootfs", MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
    // EINVAL: nothing is mounted there.
    if (errno == EINVAL || errno == ENOENT) return {};
    return sys_fail("detaching the root of app '{}'", app);
  });
}

}  // namespace agena::stage0
