#include "stage0/pod/run.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/base/trace.h"
#include "common/contract/env.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/namespaces.h"
#include "common/sys/user_namespace.h"
#include "manifests/codec/pod_manifest.h"
#include "stage0/metadata/mds_client.h"
#include "stage0/pod/dns_files.h"
#include "stage0/pod/mutable_pod.h"
#include "stage0/pod/prepare_steps.h"
#include "stage0/pod/private_users.h"
#include "stage0/pod/roots.h"
#include "stage0/pod/run_call.h"
#include "stage0/pod/selinux.h"
#include "stage0/pod/shared_volumes.h"
#include "stage0/pod/start_again.h"
#include "stage0/pod/volume_checks.h"
#include "stage0/store/data_dir.h"
#include "stage0/tree/overlay_root.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

// The file is emptied if it is there. Its descriptor stays open until this process becomes something else.
Result<> start_trace(const std::string& file) {
  if (file.empty()) return {};
  constexpr mode_t kMode = 0644;
  sys::UniqueFd fd =
      TRY_CTX(sys::open_at(sys::at_cwd(), file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOCTTY, kMode),
              "--trace");
  if (::write(fd.get(), trace::kHead.data(), trace::kHead.size()) < 0)
    return sys_fail("--trace: writing to '{}'", printable(file));
  trace::start(fd.release(), {.pid = ::getpid(), .lane = trace::Lane::kStage0}, "agena");
  return {};
}

// Before anything is made or moved.
Result<> check_services(const Engine& engine, const LaunchRequest& launch) {
  if (!launch.mds_register) return {};
  return check_metadata_service(engine.metadata_socket);
}

// What is to be started; checked while the pod is still prepared.
struct PodApps {
  std::vector<std::string> names;
  bool is_mutable = false;
};

Result<PodApps> read_apps(const sys::DirFd& pod, const LaunchRequest& launch) {
  const auto manifest = TRY(codec::parse_pod_manifest(TRY(sys::read_file(pod, paths::kManifest))));
  TRY(check_volumes(manifest));
  PodApps apps{.names = {}, .is_mutable = is_mutable_pod(manifest)};
  if (manifest.apps.empty() && !apps.is_mutable)
    return fail(ErrorKind::kInvalidInput, "pod must contain at least one application");
  if (launch.interactive && apps.is_mutable)
    return fail(ErrorKind::kInvalidInput, "a mutable pod starts without apps that could be interactive");
  if (launch.interactive && manifest.apps.size() > 1)
    return fail(ErrorKind::kInvalidInput, "interactive option only supports one image");
  for (const schema::RuntimeApp& app : manifest.apps) apps.names.push_back(app.name.str());
  return apps;
}

Result<> mount_pod_roots(const Store& store, const sys::DirFd& pod, const std::vector<std::string>& apps,
                         const std::string& selinux_context, const std::optional<sys::IdRange>& ids) {
  if (!ids) return mount_roots(store, pod, apps, selinux_context, nullptr);
  const PodUsers users = TRY(PodUsers::of(*ids));
  return mount_roots(store, pod, apps, selinux_context, &users);
}

// From a locked pod in `prepare`, `prepared` or (ended) `run` to one that only lacks the exec.
Result<PodLaunch> launch(const Engine& engine, Pod& pod, RunCallFacts facts,
                         const std::vector<SharedVolume>& shared, PhaseTimer times) {
  const auto [apps, is_mutable] = TRY(read_apps(pod.dir(), facts.launch));
  facts.is_mutable = is_mutable;
  if (pod.directory() != PodDirectory::kRun) TRY(pod.move_to(PodDirectory::kRun));
  const Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadOnly));
  const SelinuxLabels labels =
      TRY_CTX(label_pod(TRY(sys::open_dir("/")), TRY(sys::open_dir(engine.data_dir)), pod.dir()),
              "choosing SELinux labels");
  const auto ids = TRY(read_private_users(pod.dir()));
  TRY(mount_pod_roots(store, pod.dir(), apps, labels.mount, ids));
  TRY(attach_shared_volumes(pod.dir(), shared));
  const sys::DirFd root = TRY(sys::open_dir(pod.dir(), paths::kStage1Root));
  {
    std::optional<sys::FileOwner> owner;
    if (ids) owner.emplace(TRY(sys::FileOwner::become(*ids)));
    TRY(link_mtab(root, apps));
    TRY(write_dns_files(facts.launch, root, engine.personality + " run"));
  }
  times.end_phase("mounts");
  if (facts.launch.mds_register)
    facts.metadata =
        TRY(register_pod(engine.metadata_socket, pod.uuid(), pod.dir(), facts.launch.host_network()));

  PodLaunch result{.uuid = pod.uuid(), .warnings = {}, .lock = {}, .stage1 = {}, .times = std::move(times)};
  result.lock = TRY(pod.release_lock());
  result.stage1 = TRY(make_run_call(engine, pod, root, facts));
  result.warnings = result.stage1.warnings;
  // Published names; where SELinux is off they are empty.
  set_variable(result.stage1, contract::env::kSelinuxContext, labels.process);
  set_variable(result.stage1, contract::env::kSelinuxMountContext, labels.mount);
  set_variable(result.stage1, contract::env::kLockFd, fmt::format("{}", result.lock.get()));
  set_variable(result.stage1, contract::env::kStartNs, fmt::format("{}", result.times.start()));
  result.stage1.inherited_fds.push_back(result.lock.get());
  return result;
}

// Why a pod in this state cannot be started.
std::unexpected<Error> cannot_start(const Pod& pod, PodState state) {
  const std::string text =
      fmt::format("pod \"{}\" is not prepared: it is {}", pod.uuid().str(), contract::name_of(state));
  Error error(ErrorKind::kInvalidInput, text);
  if (state == PodState::kExitedGarbage)
    return std::unexpected(std::move(error).with_hint("gc has marked it for deletion; run its images anew"));
  return std::unexpected(std::move(error));
}

// Finds and locks a pod that can be started. Of several that try at once, one gets the lock.
Result<Pod> take_startable(const Engine& engine, const Pods& pods, const std::string& text) {
  Pod pod = TRY(find_pod(pods, text));
  const PodState state = TRY(pod.state());
  if (state != PodState::kPrepared && state != PodState::kExited) return cannot_start(pod, state);
  auto locked = pod.lock();
  if (!locked && locked.error().kind() == ErrorKind::kBusy)
    return fail(ErrorKind::kBusy, "pod \"{}\" is being started or removed by another process",
                pod.uuid().str());
  if (!locked) return std::unexpected(std::move(locked).error());
  if (state == PodState::kExited)
    TRY_CTX(clear_last_life(engine, pod), "clearing what is left of the last life of pod '{}'",
            pod.uuid().str());
  return pod;
}

// Nothing that was opened for it is of use after the change of the mount namespace.
Result<std::vector<SharedVolume>> shared_volumes_of_prepared(const Engine& engine, const std::string& uuid) {
  const Pods pods = TRY(Pods::open(engine.data_dir));
  const Pod pod = TRY(find_pod(pods, uuid));
  const auto text = sys::read_file(pod.dir(), paths::kManifest);
  // A pod that is not prepared: whoever locks it says so.
  if (!text) return std::vector<SharedVolume>();
  return open_shared_volumes(TRY(codec::parse_pod_manifest(*text)));
}

}  // namespace

Result<PodLaunch> launch_pod(const Engine& engine, const RunRequest& request) {
  TRY(start_trace(request.launch.trace_file));
  PhaseTimer times(engine.start);
  times.end_phase("command line");
  TRY(check_services(engine, request.launch));
  TRY(check_volumes(request.prepare));
  const auto shared = TRY(open_shared_volumes(request.prepare));
  // Before anything is opened: the kernel mounts only by descriptors of the namespace that it mounts in.
  TRY(sys::enter_private_mount_namespace());
  times.end_phase("mount namespace");
  TRY(make_data_dir(engine.data_dir, engine.group));
  const Pods pods = TRY(Pods::create(engine.data_dir));
  auto [pod, warnings] = TRY(prepare_directory(engine, pods, request.prepare, request.uuid_file_save, times));
  if (!request.launch_flags.empty()) TRY(keep_launch_flags(pod.dir(), request.launch_flags));
  auto started =
      TRY_CTX(launch(engine, pod, {request.launch, request.prepare.insecure}, shared, std::move(times)),
              "running pod '{}'", pod.uuid().str());
  started.warnings.insert(started.warnings.begin(), warnings.begin(), warnings.end());
  return started;
}

Result<PodLaunch> launch_prepared_pod(const Engine& engine, const RunPreparedRequest& request) {
  TRY(start_trace(request.launch.trace_file));
  PhaseTimer times(engine.start);
  times.end_phase("command line");
  TRY(check_services(engine, request.launch));
  const auto shared = TRY(shared_volumes_of_prepared(engine, request.uuid));
  TRY(sys::enter_private_mount_namespace());
  times.end_phase("mount namespace");
  const Pods pods = TRY(Pods::open(engine.data_dir));
  Pod pod = TRY(take_startable(engine, pods, request.uuid));
  if (TRY(sys::exists(pod.dir(), paths::kOverlayPrepared)))
    TRY_CTX(check_overlay_usable(pod.dir()),
            "unable to run prepared overlay-enabled pod: overlay not supported");
  times.end_phase("lookup");
  auto started = TRY_CTX(launch(engine, pod, {request.launch, request.insecure}, shared, std::move(times)),
                         "running pod '{}'", pod.uuid().str());
  // Flags that do not suit the pod are not those of its last start.
  TRY(keep_launch_flags(pod.dir(), request.launch_flags));
  return started;
}

Error hand_over(PodLaunch launch) {
  launch.times.end_phase("hand-over");
  log::debug("phases: {}", launch.times.to_string());
  // A stage1 that does not know of traces adds nothing.
  if (std::ranges::find(launch.stage1.inherited_fds, trace::descriptor()) ==
      launch.stage1.inherited_fds.end())
    trace::finish();
  return exec_stage1(launch.stage1);
}

}  // namespace agena::stage0
