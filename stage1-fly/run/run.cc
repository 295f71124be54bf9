#include "stage1-fly/run/run.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "common/base/log.h"
#include "common/base/phase_timer.h"
#include "common/base/strings.h"
#include "common/base/trace.h"
#include "common/contract/env.h"
#include "common/contract/handed_trace.h"
#include "common/contract/metadata.h"
#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/stage2/steps.h"
#include "common/stage2/volumes.h"
#include "common/sys/fs.h"
#include "common/sys/namespaces.h"
#include "common/sys/notify.h"
#include "common/sys/path_in_root.h"
#include "stage1-fly/run/fly_pod.h"

namespace agena::fly {
namespace {

namespace paths = contract::pod_paths;

std::string variable(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): this program has one thread.
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// The descriptor that holds the pod's lock; the app inherits it, so that the lock ends with the app.
Result<int> lock_descriptor() {
  const std::string text = variable(contract::env::kLockFd);
  if (text.empty()) return fail(ErrorKind::kInvalidInput, "{} is not set", contract::env::kLockFd);
  return static_cast<int>(TRY_CTX(parse_int(text, 0, INT32_MAX), "{}", contract::env::kLockFd));
}

// stage0 hands over a mount namespace of its own. One that is shared with the parent process comes from a
// stage0 that mounts in the host's, where nothing of ours may be left behind.
Result<> ensure_private_mounts() {
  const auto own = sys::read_link(sys::at_cwd(), "/proc/self/ns/mnt");
  const auto parents = sys::read_link(sys::at_cwd(), fmt::format("/proc/{}/ns/mnt", ::getppid()));
  if (own && parents && *own != *parents) return {};
  return sys::enter_private_mount_namespace();
}

// An image without /etc/hosts gets one that knows localhost.
Result<> write_missing_hosts(const sys::DirFd& root) {
  if (sys::open_in_root(root, "/etc/hosts", O_PATH)) return {};
  const sys::DirFd etc = TRY(sys::make_dirs_in_root(root, "/etc"));
  auto file = sys::open_at(etc, "hosts", O_WRONLY | O_CREAT | O_EXCL, 0644);
  // A dangling symlink: the image means some file that a volume may bring.
  if (!file && file.error().sys_errno() == EEXIST) return {};
  if (!file) return std::unexpected(std::move(file).error());
  return sys::write_all(file->get(), "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
}

// The host's /dev, /proc and /sys are the host's: nothing is made in them for a mount.
Result<> check_targets(const sys::DirFd& root, const sys::MountPlan& plan) {
  for (const sys::MountOp& op : plan)
    for (const char* shared : {"dev", "proc", "sys"})
      if (sys::is_at_or_below(op.target, shared) && !sys::open_in_root(root, op.target, O_PATH))
        return fail(ErrorKind::kInvalidInput, "{}: the host has no '/{}', which stage1-fly shares with it",
                    op.subject, printable(op.target));
  return {};
}

Result<> mount_users(const sys::DirFd& root, const FlyPod& pod) {
  sys::MountPlan plan = fly_user_mounts(pod);
  if (plan.empty()) return {};
  TRY(sys::order_by_place(root, plan));
  TRY(check_targets(root, plan));
  return sys::run_mount_plan(root, plan);
}

Result<> set_up_root(const sys::DirFd& pod_dir, const FlyPod& pod) {
  TRY(ensure_private_mounts());
  const sys::DirFd root = TRY(sys::open_dir(paths::app_root(pod.app.name())));
  if (pod.dns.hosts == stage2::ConfSource::kDefault) TRY_CTX(write_missing_hosts(root), "file '/etc/hosts'");
  TRY(stage2::make_empty_volumes(pod_dir, root, pod.mounts));
  sys::MountPlan plan = fly_mounts(pod);
  // A manager's socket in the file system; an abstract one ('@') needs no mount.
  const std::string socket = variable("NOTIFY_SOCKET");
  if (pod.app.life.notifies && socket.starts_with('/'))
    plan.push_back({.target = socket, .source = socket, .missing = sys::MissingSource::kSkip});
  TRY(sys::run_mount_plan(root, plan));
  return mount_users(root, pod);
}

// Of a pod that is registered with the metadata service; the network is the host's.
Result<std::string> metadata_url(const contract::EntrypointCall& call) {
  const std::string given = variable(contract::env::kMdsToken);
  const std::string token = given.empty() ? call.value("mds-token") : given;
  if (token.empty()) return std::string();
  auto port = static_cast<std::uint64_t>(contract::kMetadataPort);
  if (const std::string text = call.value("mds-port"); !text.empty())
    port = TRY_CTX(parse_uint(text, UINT16_MAX), "--mds-port");
  return contract::metadata_url("127.0.0.1", static_cast<std::uint16_t>(port), token);
}

Result<stage2::LaunchPlan> plan_launch(const FlyPod& pod, const contract::EntrypointCall& call) {
  const stage2::ProcessLimits limits = TRY(fly_limits(pod, call));
  const stage2::AppContext context{.name = pod.app.name(),
                                   .app = &pod.app.app,
                                   .docker_rules = pod.app.docker_rules,
                                   .metadata_url = TRY(metadata_url(call))};
  stage2::LaunchPlan plan = TRY(stage2::plan_app(context));
  plan.root = paths::app_root(pod.app.name());
  plan.root_switch = stage2::RootSwitch::kChroot;
  plan.limits = limits.limits;
  plan.oom_score_adjust = limits.oom_score_adjust;
  plan.read_only_root = pod.app.runtime.read_only_root_fs;
  // The app is the process that systemd started as a socket-activated `run`.
  plan.pass_environment = {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"};
  // Likewise for its service manager, to which the app speaks by itself if it says that it does.
  if (pod.app.life.notifies)
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
      plan.pass_environment.emplace_back(name);
  return plan;
}

// What `enter`, `stop` and stage0 want to know later. The pid comes last: from then on the pod can be
// entered.
Result<> write_records(const sys::DirFd& pod_dir, const stage2::LaunchPlan& plan) {
  const std::string stage1_root = paths::kStage1Root;
  TRY(sys::make_dirs(pod_dir, stage1_root + "/" + paths::kEnvDir));
  TRY(sys::write_file(pod_dir, stage1_root + "/" + paths::app_env(plan.app),
                      stage2::environment_file(plan.environment), 0600));
  TRY(sys::make_symlink("fly", pod_dir, paths::kFlavor));
  TRY(contract::write_pid_file(pod_dir, paths::kPgid, ::getpgrp()));
  return contract::write_pid_file(pod_dir, paths::kPid, ::getpid());
}

void warn_of_missing_supervisor(const FlyPod& pod) {
  if (!pod.app.app.event_handlers.empty())
    log::warning("the pre-start and post-stop handlers of app '{}' are not run: stage1-fly has no supervisor",
                 pod.app.name());
  if (pod.app.life.health)
    log::warning("the health of app '{}' is not checked: stage1-fly has no supervisor", pod.app.name());
}

// What an app says of its confinement: fly leaves it as the caller's, as rkt's did, but not in silence.
void warn_of_confinement(const FlyPod& pod) {
  using enum schema::IsolatorKind;
  constexpr std::array kConfinement = {kApparmorProfile, kCapabilitiesRemove, kCapabilitiesRetain,
                                       kNoNewPrivileges, kSeccompRemove,      kSeccompRetain,
                                       kSelinuxContext};
  for (const schema::Isolator& isolator : pod.app.app.isolators)
    if (std::ranges::find(kConfinement, isolator.kind) != kConfinement.end())
      log::warning("isolator {} of app '{}' has no effect: stage1-fly does not isolate apps",
                   isolator.name.str(), pod.app.name());
}

}  // namespace

Result<int> run(const contract::EntrypointCall& call) {
  PhaseTimer timer(parse_int(variable(contract::env::kStartNs), 0, INT64_MAX).value_or(0));
  timer.reach("stage0");
  TRY(contract::take_trace(call, {.pid = ::getpid(), .lane = trace::Lane::kStage1}));
  TRY(check_run_options(call));
  const int lock = TRY(lock_descriptor());
  const sys::DirFd pod_dir = TRY(sys::open_dir("."));
  const FlyPod pod = TRY(load_fly_pod(pod_dir, call));
  warn_of_missing_supervisor(pod);
  warn_of_confinement(pod);
  for (const std::string& warning : stage2::implicit_volume_warnings(pod.mounts)) log::warning("{}", warning);
  stage2::LaunchPlan plan = TRY(plan_launch(pod, call));
  timer.end_phase("read pod");
  TRY_CTX(set_up_root(pod_dir, pod), "app '{}'", pod.app.name());
  timer.end_phase("mounts");
  TRY(write_records(pod_dir, plan));
  timer.end_phase("records");
  log::debug("{}", timer.to_string());
  // Nobody is left to say later that the app runs; what it needs beyond that is in place. One that says
  // itself when it is ready does so.
  if (!pod.app.life.notifies)
    if (auto told = sys::notify_manager("READY=1"); !told)
      log::warning("warning: {}", told.error().to_string());
  const stage2::LaunchFailure failure = stage2::launch(plan, {.keep_fds = {lock}});
  log::write(log::Level::kError, failure.text);
  return failure.exit_code;
}

}  // namespace agena::fly
