#include "stage1/apps/app_setup.h"

#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <optional>
#include <span>

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/stage2/volumes.h"
#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "common/sys/mount_plan.h"
#include "common/sys/namespaces.h"
#include "common/sys/path_in_root.h"
#include "common/sys/spawn.h"
#include "common/sys/unix_socket.h"
#include "stage1/apps/pod_worker.h"
#include "stage1/run/pod_files.h"
#include "stage1/run/pod_mounts.h"
#include "stage1/run/protected_paths.h"
#include "stage1/run/selinux.h"
#include "stage1/units/pod_units.h"

namespace agena::stage1 {
namespace {

namespace paths = contract::pod_paths;

Result<> fill_volumes(const SetupPlace& place, const std::vector<stage2::AppMount>& volumes,
                      const std::string& app) {
  TRY(join_pod_mounts(place.init));
  const sys::DirFd root = TRY(sys::open_dir("/"));
  const sys::DirFd app_root = TRY(sys::open_dir_in_root(root, paths::app_root_in_stage1(app)));
  return stage2::make_empty_volumes(place.pod_dir, app_root, volumes);
}

// The app's empty volumes, made as the pod's root and before anything is mounted in the app's root. A child
// of its own: who has joined the pod sees the host's volumes no more.
Result<> make_volumes(const SetupPlace& place, const std::vector<stage2::AppMount>& volumes,
                      const std::string& app) {
  const auto is_empty = [](const stage2::AppMount& mount) {
    return mount.volume.kind == schema::VolumeKind::kEmpty;
  };
  if (std::ranges::none_of(volumes, is_empty)) return {};
  sys::Pipe pipe = TRY(sys::make_pipe());
  const pid_t self = ::getpid();
  auto child = TRY(sys::fork_child([&] {
    die_with_parent(self);
    const auto made = fill_volumes(place, volumes, app);
    if (!made) (void)sys::write_all(pipe.write.get(), made.error().to_string());
    return made ? 0 : 1;
  }));
  pipe.write.reset();
  const std::string error = TRY(sys::read_all(pipe.read.get()));
  const sys::ExitStatus status = TRY(child.wait());
  if (status.success()) return {};
  return fail(ErrorKind::kSystem, "making its volumes: {}", error.empty() ? "the process was killed" : error);
}

// Root of a user namespace makes no device nodes; the supervisor made the usual ones when the pod started.
sys::MountPlan pod_part(sys::MountPlan plan, const Pod& pod) {
  if (pod.options.private_users) plan = with_nodes_of_pod(plan);
  return with_selinux_context(std::move(plan), pod.options.selinux_mount_context);
}

Pod as_mounted(const Pod& pod, bool apart) {
  Pod copy = pod;
  copy.apps_have_mounts = apart;
  return copy;
}

// By rename: systemd may be reading them.
Result<> write_files(const std::vector<PodFile>& files) {
  const sys::DirFd root = TRY(sys::open_dir("/"));
  for (const PodFile& file : files) TRY(sys::replace_file(root, file.path, file.text, file.mode));
  return {};
}

struct AppMounts {
  bool overlay;                     // the root is a mount already
  sys::MountPlan user;              // targets as the user gave them
  std::vector<std::string> hidden;  // more directories to hide
  sys::HostMounts host;
  sys::DirFd proc;  // the host's
};

// While the host can be seen.
Result<AppMounts> collect_mounts(const SetupPlace& place, const Pod& pod, const PodApp& app) {
  AppMounts mounts{.overlay = TRY(sys::exists(place.pod_dir, paths::kOverlayPrepared)),
                   .user = TRY(user_mounts(pod, app)),
                   .hidden = TRY(thermal_directories()),
                   .host = {},
                   .proc = TRY(sys::open_dir("/proc"))};
  const sys::UniqueFd* users = place.users == nullptr ? nullptr : &place.users->user_namespace();
  TRY(mounts.host.add(mounts.user, users));
  // Which of these the user's mounts cover is known inside the app's root only.
  TRY(mounts.host.add(pod_part(app_mounts(pod, app, {}, mounts.hidden), pod), users));
  return mounts;
}

// Mounts what belongs into the app's root, in the mount namespace of the caller.
Result<sys::DirFd> mount_in_root(const Pod& pod, const PodApp& app, AppMounts& mounts) {
  const sys::DirFd root = TRY(sys::open_dir("/"));
  sys::DirFd app_root = TRY(open_app_root(root, app, mounts.overlay));
  TRY(sys::order_by_place(app_root, mounts.user));
  sys::MountRoots roots{app_root, root};
  roots.host = &mounts.host;
  TRY(sys::run_mount_plan(roots, pod_part(app_mounts(pod, app, mounts.user, mounts.hidden), pod)));
  return app_root;
}

// In a mount namespace of the app's, made of the pod's, of which the app's root becomes the root. Returns a
// descriptor of the namespace; nullopt, with nothing done, if it could not be kept in the pod.
Result<std::optional<sys::UniqueFd>> mount_apart(const SetupPlace& place, const Pod& pod, const PodApp& app,
                                                 AppMounts& mounts) {
  TRY(join_pod_mounts(place.init));
  const auto unshared = sys::unshare_mounts_to_keep(mounts.proc);
  if (!unshared && unshared.error().kind() == ErrorKind::kUnsupported) return std::optional<sys::UniqueFd>();
  TRY(unshared);
  TRY(sys::switch_root(TRY(mount_in_root(pod, app, mounts))));
  return std::optional(TRY(sys::open_at(mounts.proc, "self/ns/mnt", O_RDONLY)));
}

// What a child says, and its descriptor.
constexpr std::string_view kMade = "made";
constexpr std::string_view kCannotKeep = "cannot-keep";

// The same in a child, for who makes it stays out of it: only in the pod's mount namespace it can be kept.
Result<std::optional<sys::UniqueFd>> make_app_mounts(const SetupPlace& place, const Pod& pod,
                                                     const PodApp& app, AppMounts& mounts) {
  auto [ours, theirs] = TRY(sys::seqpacket_pair());
  const pid_t self = ::getpid();
  auto child = TRY(sys::fork_child([&] {
    die_with_parent(self);
    const auto made = mount_apart(place, pod, app, mounts);
    const int fd = made && *made ? (*made)->get() : -1;
    const std::string text = !made ? made.error().to_string() : std::string(*made ? kMade : kCannotKeep);
    (void)sys::send_message(theirs.get(), text, std::span(&fd, fd < 0 ? 0U : 1U));
    return 0;
  }));
  theirs.reset();
  auto message = TRY(sys::receive_message(ours.get()));
  TRY(child.wait());
  if (!message) return fail(ErrorKind::kSystem, "the process that mounts was killed");
  if (message->bytes == kCannotKeep) return std::optional<sys::UniqueFd>();
  if (message->fds.size() != 1) return fail(ErrorKind::kSystem, "{}", message->bytes);
  return std::optional(std::move(message->fds.front()));
}

Result<> drop_app_mounts(const sys::DirFd& root, const std::string& app) {
  const std::string path = app_mounts_file(app);
  if (!TRY(sys::exists(root, path))) return {};
  // EINVAL: nothing is mounted there.
  if (::umount2(("/" + path).c_str(), MNT_DETACH) != 0 && errno != EINVAL)
    return sys_fail("dropping the mounts of app '{}'", app);
  return sys::remove_file(root, path);
}

Result<> keep_app_mounts(const sys::DirFd& root, const std::string& app, const sys::UniqueFd& mounts) {
  const std::string path = app_mounts_file(app);
  TRY(sys::make_dirs(root, path.substr(0, path.rfind('/')), 0700));
  const sys::UniqueFd file = TRY(sys::make_mount_point(root, path, true));
  return sys::attach_mount(TRY(sys::clone_mount(sys::DirRef(mounts.get()), "", false)), file);
}

}  // namespace

Result<> set_up_app(const SetupPlace& place, const Pod& pod) {
  const PodApp& app = pod.apps.front();
  TRY(make_volumes(place, TRY(stage2::mounts_of_app(pod.manifest, app)), app.name()));
  AppMounts mounts = TRY(collect_mounts(place, pod, app));
  const auto apart = TRY(make_app_mounts(place, pod, app, mounts));
  // Where a namespace of its own cannot be kept, the app's mounts are in the pod's: more of them make starts
  // slower.
  const auto files = TRY(app_files(as_mounted(pod, apart.has_value()), app, TRY(limits_of(pod))));
  TRY(join_pod_mounts(place.init));
  const sys::DirFd root = TRY(sys::open_dir("/"));
  TRY(drop_app_mounts(root, app.name()));  // of an add that was not finished
  if (apart)
    TRY(keep_app_mounts(root, app.name(), *apart));
  else
    TRY(mount_in_root(pod, app, mounts));
  return write_files(files);
}

Result<> rewrite_app(const SetupPlace& place, const Pod& pod) {
  const PodApp& app = pod.apps.front();
  const auto pod_root = TRY(sys::open_dir(sys::at_cwd(), fmt::format("/proc/{}/root", place.init), O_PATH));
  const bool apart = TRY(sys::exists(pod_root, app_mounts_file(app.name())));
  const auto files = TRY(app_files(as_mounted(pod, apart), app, TRY(limits_of(pod))));
  TRY(join_pod_mounts(place.init));
  return write_files(files);
}

Result<> clear_app(const SetupPlace& place, const Pod& pod) {
  const auto files = TRY(app_files(pod, pod.apps.front(), {}));
  TRY(join_pod_mounts(place.init));
  const sys::DirFd root = TRY(sys::open_dir("/"));
  for (const PodFile& file : files) TRY(sys::remove_file(root, file.path));
  return drop_app_mounts(root, pod.apps.front().name());
}

}  // namespace agena::stage1
