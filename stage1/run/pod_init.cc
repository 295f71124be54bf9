#include "stage1/run/pod_init.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "common/base/strings.h"
#include "common/base/trace.h"
#include "common/contract/handed_trace.h"
#include "common/contract/pod_paths.h"
#include "common/stage2/volumes.h"
#include "common/sys/caps.h"
#include "common/sys/fs.h"
#include "common/sys/landlock.h"
#include "common/sys/mount.h"
#include "common/sys/mount_plan.h"
#include "common/sys/namespaces.h"
#include "common/sys/path_in_root.h"
#include "common/sys/unix_socket.h"
#include "stage1/net/network_facts.h"
#include "stage1/run/kernel_settings.h"
#include "stage1/run/pod.h"
#include "stage1/run/pod_files.h"
#include "stage1/run/pod_mounts.h"
#include "stage1/run/pod_users.h"
#include "stage1/run/protected_paths.h"
#include "stage1/run/selinux.h"

namespace agena::stage1 {
namespace {

namespace paths = contract::pod_paths;

// The death signal was set by the parent's side of the clone; a supervisor that died before that shows as end
// of file.
Result<> check_supervisor_lives(const sys::UniqueFd& channel) {
  char byte = 0;
  if (::recv(channel.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
    return fail(ErrorKind::kSystem, "the supervisor is gone");
  return {};
}

// The cgroup namespace is made here and not by clone3, where its root would be the supervisor's cgroup. The
// mount comes first of all, because the supervisor then starts a write to cgroup.procs that holds the
// kernel's cgroup lock for a grace period.
Result<sys::UniqueFd> make_cgroup_mount(const sys::UniqueFd& channel) {
  const trace::Scope scope("cgroup namespace");
  TRY(sys::unshare_namespaces(CLONE_NEWCGROUP));
  sys::UniqueFd mount = TRY(sys::make_filesystem(
      {.type = "cgroup2", .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC}));
  if (::send(channel.get(), &kCgroupReady, 1, MSG_NOSIGNAL) != 1) return sys_fail("telling the supervisor");
  return mount;
}

// Waits for the pod's networks, which the supervisor sets up meanwhile, and takes over what comes of them.
Result<> await_networks(const sys::UniqueFd& channel, Pod& pod) {
  if (pod.options.network.kind != NetworkChoice::Kind::kPod) return {};
  const trace::Scope scope("wait for the networks");
  constexpr std::size_t kMaxBytes = 256U << 10U;
  const auto message = TRY(sys::receive_message(channel.get(), kMaxBytes));
  if (!message) return fail(ErrorKind::kSystem, "the supervisor is gone");
  apply_network_facts(TRY(parse_network_facts(message->bytes)), pod);
  return {};
}

// What is left of a plan to be done inside, by the pod's options.
sys::MountPlan pod_part(sys::MountPlan plan, const Pod& pod) {
  if (pod.options.private_users) plan = pod_part_of_plan(plan);
  return with_selinux_context(std::move(plan), pod.options.selinux_mount_context);
}

// Paths of the app and its image are resolved inside its own root.
Result<> mount_app(const sys::DirFd& root, const sys::DirFd& app_root, const Pod& pod, const PodApp& app,
                   const std::vector<std::string>& hidden) {
  const trace::Scope scope("mounts of app", app.name());
  sys::MountPlan user = TRY(user_mounts(pod, app));
  TRY(sys::order_by_place(app_root, user));
  return sys::run_mount_plan({app_root, root}, pod_part(app_mounts(pod, app, user, hidden), pod));
}

Result<> mount_pod(const sys::DirFd& root, const Pod& pod, const sys::UniqueFd& cgroup_mount) {
  const trace::Scope scope("mounts of the pod");
  TRY(sys::run_mount_plan(root, pod_part(proc_mount(), pod)));
  TRY(write_sysctls(root, pod));
  TRY(sys::run_mount_plan(root, pod_part(pod_mounts(pod), pod)));
  const sys::UniqueFd cgroup_target = TRY(sys::make_mount_point(root, "sys/fs/cgroup", false));
  TRY_CTX(sys::attach_mount(cgroup_mount, cgroup_target), "setting up 'sys/fs/cgroup'");
  return {};
}

Result<> write_units(const sys::DirFd& root, const Pod& pod) {
  const trace::Scope scope("units and launch plans");
  return write_pod_files(root, pod);
}

Result<> set_up_root(const sys::DirFd& pod_dir, const sys::DirFd& root, Pod& pod,
                     const sys::UniqueFd& cgroup_mount, const sys::UniqueFd& channel) {
  TRY(mount_pod(root, pod, cgroup_mount));
  TRY(await_networks(channel, pod));
  TRY(write_units(root, pod));
  const bool overlay_roots = TRY(sys::exists(pod_dir, paths::kOverlayPrepared));
  const auto hidden = TRY(thermal_directories());
  for (const PodApp& app : pod.apps) {
    const sys::DirFd app_root = TRY_CTX(open_app_root(root, app, overlay_roots), "app '{}'", app.name());
    const auto volumes = TRY(stage2::mounts_of_app(pod.manifest, app));
    TRY_CTX(stage2::make_empty_volumes(pod_dir, app_root, volumes), "app '{}'", app.name());
    TRY_CTX(mount_app(root, app_root, pod, app, hidden), "app '{}'", app.name());
  }
  return {};
}

// systemd gets /dev/null for its streams. Returns what stderr was, close-on-exec: for the message of a failed
// exec.
Result<sys::UniqueFd> redirect_streams() {
  sys::UniqueFd null = TRY(sys::open_at(sys::at_cwd(), "/dev/null", O_RDWR));
  sys::UniqueFd message = TRY(sys::duplicate(STDERR_FILENO));
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO})
    if (::dup2(null.get(), fd) < 0) return sys_fail("redirecting the streams of systemd");
  if (::dup2(null.get(), STDERR_FILENO) < 0) return sys_fail("redirecting the streams of systemd");
  return message;
}

// As which the host knows this process; its /proc is still the one that is mounted here.
Result<> take_trace(const contract::EntrypointCall& call) {
  if (call.value("trace-fd").empty()) return {};
  const auto pid = TRY_CTX(parse_int(TRY(sys::read_link(sys::at_cwd(), "/proc/self")), 1, INT32_MAX),
                           "reading '/proc/self'");
  return contract::take_trace(call, {.pid = pid, .lane = trace::Lane::kPodInit}, "pod");
}

// The supervisor says when systemd has started.
void begin_systemd() {
  if (!trace::enabled()) return;
  const trace::Row row{trace::own_row().pid, trace::Lane::kSystemd};
  trace::append(trace::render_names(row, {}) + trace::render_begin(row, "systemd starts", monotonic_now()));
}

constexpr const char* kSystemd = "/usr/lib/systemd/systemd";

std::unexpected<Error> exec_systemd() {
  const char* const argv[] = {kSystemd,
                              "--log-target=null",
                              "--log-level=err",
                              "--show-status=0",
                              "--default-standard-output=null",
                              "--default-standard-error=null",
                              "--crash-shell=0",
                              "--dump-core=0",
                              nullptr};
  // Complete: nothing of the caller's environment reaches the pod. One unit directory and no generators,
  // since each directory costs systemd a dozen look-ups a unit.
  const char* const environment[] = {"container=agena",
                                     "PATH=/usr/bin",
                                     "SYSTEMD_UNIT_PATH=/run/systemd/system",
                                     "SYSTEMD_GENERATOR_PATH=",
                                     "SYSTEMD_ENVIRONMENT_GENERATOR_PATH=",
                                     "SYSTEMD_PROC_CMDLINE=",
                                     "NOTIFY_SOCKET=/run/agena/notify",
                                     nullptr};
  ::execve(kSystemd, const_cast<char* const*>(argv), const_cast<char* const*>(environment));
  return sys_fail("starting '{}'", kSystemd);
}

// Returns only if it fails.
Result<> become_systemd(const Pod& pod) {
  TRY(set_exec_context(pod.options.selinux_context));
  // Without it systemd does not look for kernel modules to load (it scans the PCI bus for that), and no app
  // can ever get it.
  const auto module = TRY(sys::CapabilitySet::parse({"CAP_SYS_MODULE"}));
  TRY(sys::limit_bounding_set(TRY(sys::bounding_set()).without(module)));
  begin_systemd();
  return exec_systemd();
}

}  // namespace

Result<> run_pod_init(const contract::EntrypointCall& call) {
  const sys::UniqueFd channel(kInitChannel);
  TRY(sys::set_cloexec(channel.get(), true));
  TRY(check_supervisor_lives(channel));
  TRY(take_trace(call));
  const sys::UniqueFd cgroup_mount = TRY(make_cgroup_mount(channel));
  const sys::DirFd pod_dir = TRY(sys::open_dir(sys::at_cwd(), "."));
  Pod pod = TRY(load_pod(pod_dir, call));
  const sys::DirFd root =
      TRY(pod.options.private_users ? unlock_root(pod_dir) : sys::open_dir(pod_dir, paths::kStage1Root));
  if (const char* apps = std::getenv(kAppsWithSockets)) pod.apps_with_sockets = split(apps, ' ');
  TRY(sys::set_hostname(pod.options.hostname));
  if (!pod.options.network.is_hosts()) TRY(sys::bring_loopback_up());
  TRY(set_up_root(pod_dir, root, pod, cgroup_mount, channel));
  {
    const trace::Scope scope("pivot_root");
    TRY(sys::switch_root(root));
  }
  // Keys of the caller's session are not the pod's business.
  TRY(sys::join_new_session_keyring());
  // Abstract sockets belong to the network namespace, and some of the host's let anybody who is root do
  // anything.
  if (pod.options.network.is_hosts() && pod.options.restrict_paths) (void)TRY(sys::enter_socket_domain());
  if (::setsid() < 0 && errno != EPERM) return sys_fail("starting a session");
  const sys::UniqueFd message = TRY(redirect_streams());
  auto failed = become_systemd(pod);
  (void)::dup2(message.get(), STDERR_FILENO);
  return failed;
}

}  // namespace agena::stage1
