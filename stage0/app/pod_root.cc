#include "stage0/app/pod_root.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "common/sys/namespaces.h"
#include "common/sys/path_in_root.h"
#include "common/sys/pidfd.h"
#include "common/sys/side_thread.h"

namespace agena::stage0 {

namespace paths = contract::pod_paths;

namespace {

// Beside an app's root, while that is on its way.
constexpr const char* kPassage = "passage";

// Of this thread.
Result<> join_mounts(const sys::UniqueFd& mount_namespace) {
  if (::setns(mount_namespace.get(), CLONE_NEWNS) != 0) return sys_fail("joining a mount namespace");
  return {};
}

// A name in the working directory of the thread; what is not mounted is fine.
Result<> detach_all(const char* name) {
  while (::umount2(name, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
  }
  // EINVAL: nothing is mounted there.
  if (errno == EINVAL || errno == ENOENT) return {};
  return sys_fail("detaching '{}'", name);
}

}  // namespace

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
    TRY(join_mounts(mount_namespace_));
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

Result<> PodRoot::attach_locked(const std::string& app, const sys::UniqueFd& mount,
                                const std::string& scratch) const {
  return sys::run_in_side_thread([&]() -> Result<> {
    TRY(sys::enter_private_mount_namespace());
    const sys::UniqueFd outside = TRY(sys::open_at(sys::at_cwd(), "/proc/thread-self/ns/mnt", O_RDONLY));
    const sys::UniqueFd passage =
        TRY(sys::make_filesystem({.type = "tmpfs", .options = {{"mode", "700"}, {"size", "4096"}}}));
    TRY(sys::attach_mount(passage, TRY(sys::open_at(sys::at_cwd(), scratch, O_PATH | O_DIRECTORY))));
    TRY(sys::set_mount_attributes(passage, 0, 0, MS_SHARED, false));
    TRY(sys::make_dir(sys::DirRef(passage.get()), "root"));
    const sys::UniqueFd view = TRY(sys::clone_mount(sys::DirRef(passage.get()), "", false));
    TRY(sys::set_mount_attributes(view, 0, 0, MS_SLAVE, false));

    TRY(join_mounts(mount_namespace_));
    const sys::DirFd place =
        TRY(sys::open_dir_in_root(root_, std::string(paths::kStage2Dir) + "/" + app, O_PATH));
    TRY(sys::make_dir(place, kPassage, 0700));
    TRY(sys::attach_mount(view, TRY(sys::open_at(place, kPassage, O_PATH | O_DIRECTORY | O_NOFOLLOW))));

    TRY(join_mounts(outside));
    TRY(sys::attach_mount(mount, TRY(sys::open_at(sys::DirRef(passage.get()), "root", O_PATH))));

    TRY(join_mounts(mount_namespace_));
    // Nothing can be moved out of a shared mount, which it is if the pod's root is.
    TRY(sys::set_mount_attributes(view, 0, 0, MS_PRIVATE, false));
    const sys::UniqueFd arrived = TRY(sys::open_at(sys::DirRef(view.get()), "root", O_PATH | O_DIRECTORY));
    TRY(sys::attach_mount(arrived, TRY(sys::open_at(place, "rootfs", O_PATH | O_DIRECTORY | O_NOFOLLOW))));
    if (::fchdir(place.get()) != 0) return sys_fail("entering the directory of app '{}'", app);
    TRY(detach_all(kPassage));
    if (::unlinkat(place.get(), kPassage, AT_REMOVEDIR) != 0) return sys_fail("removing '{}'", kPassage);
    return {};
  });
}

Result<> PodRoot::detach(const std::string& app) const {
  return inside([&](const sys::DirFd& root) -> Result<> {
    const auto place = sys::open_dir_in_root(root, std::string(paths::kStage2Dir) + "/" + app, O_PATH);
    if (!place && place.error().kind() == ErrorKind::kNotFound) return {};
    if (!place) return std::unexpected(place.error());
    // The thread's own working directory: umount2(2) takes no descriptor.
    if (::fchdir(place->get()) != 0) return sys_fail("entering the directory of app '{}'", app);
    TRY_CTX(detach_all(kPassage), "app '{}'", app);
    TRY_CTX(detach_all("rootfs"), "app '{}'", app);
    return {};
  });
}

}  // namespace agena::stage0
