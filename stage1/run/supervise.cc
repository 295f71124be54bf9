#include "stage1/run/supervise.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "common/base/log.h"
#include "common/base/phase_timer.h"
#include "common/base/strings.h"
#include "common/base/trace.h"
#include "common/contract/handed_trace.h"
#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/stage2/process_limits.h"
#include "common/stage2/volumes.h"
#include "common/sys/event_loop.h"
#include "common/sys/fs.h"
#include "common/sys/signals.h"
#include "stage1/net/capabilities.h"
#include "stage1/net/pod_network.h"
#include "stage1/net/port_map.h"
#include "stage1/net/resolv_conf.h"
#include "stage1/plan/devices.h"
#include "stage1/plan/resources.h"
#include "stage1/run/device_policy.h"
#include "stage1/run/handed_over.h"
#include "stage1/run/supervisor.h"
#include "stage1/units/socket_units.h"

namespace agena::stage1 {
namespace {

namespace paths = contract::pod_paths;

Result<std::optional<PodUsers>> enter_users(const Pod& pod) {
  if (!pod.options.private_users) return std::optional<PodUsers>();
  const sys::DirFd pod_dir = TRY(sys::open_dir("."));
  return std::optional(
      TRY_CTX(PodUsers::enter(pod_dir, *pod.options.private_users), "preparing the pod's user namespace"));
}

Result<> warn_of_implicit_volumes(const Pod& pod) {
  for (const PodApp& app : pod.apps)
    for (const std::string& warning :
         stage2::implicit_volume_warnings(TRY(stage2::mounts_of_app(pod.manifest, app))))
      log::warning("warning: app '{}': {}", app.name(), warning);
  return {};
}

std::vector<std::string> names_of(const Pod& pod) {
  std::vector<std::string> names;
  for (const PodApp& app : pod.apps) names.push_back(app.name());
  return names;
}

// Limits that no cgroup is about.
Result<> check_limits(const Pod& pod) {
  for (const std::string& problem : TRY(limit_problems(pod))) {
    if (!pod.options.waive_limits)
      return std::unexpected(Error(ErrorKind::kUnsupported, problem).with_hint(stage2::kLimitsHint));
    log::warning("{}", problem);
  }
  return {};
}

Result<std::optional<DevicePolicy>> restrict_devices(const Pod& pod, const PodCgroup& cgroup) {
  if (!pod.options.restrict_paths) return std::optional<DevicePolicy>();
  auto attached = DevicePolicy::attach(cgroup.dir(), TRY(devices_of(pod)));
  if (attached) return std::optional(std::move(*attached));
  (void)cgroup.remove();  // or gc does
  return std::unexpected(
      std::move(attached).error().with_hint("--insecure-options=paths runs the pod without a device policy"));
}

// To sockets that the host's service manager listens on nothing has to be forwarded: it would never come
// there.
void leave_out_passed(std::vector<schema::PortMapping>& ports, const Pod& pod) {
  std::erase_if(ports, [&](const schema::PortMapping& mapping) {
    return std::ranges::any_of(pod.apps, [&](const PodApp& app) {
      const bool passed = std::ranges::find(pod.apps_with_sockets, app.name()) != pod.apps_with_sockets.end();
      return passed && std::ranges::any_of(app.app.ports, [&](const schema::Port& port) {
               return port.socket_activated && port.protocol == mapping.protocol &&
                      port.port == mapping.pod_port;
             });
    });
  });
}

Result<PodNetwork> choose_networks(const sys::DirFd& pod_dir, const sys::DirFd& root, const Pod& pod,
                                   std::vector<schema::PortMapping> ports) {
  leave_out_passed(ports, pod);
  NetworkWishes wishes{.ports = std::move(ports), .bandwidth = network_bandwidth(pod), .dns = {}};
  if (pod.options.dns.resolv_conf == ConfSource::kStage0)
    wishes.dns = parse_resolv_conf(TRY(sys::read_file(root, paths::kResolvConf)));
  const bool limited = wishes.bandwidth.has_value();
  PodNetwork network = TRY(PodNetwork::choose({pod_dir, root, pod.options.local_config, pod.uuid},
                                              pod.options.network, std::move(wishes)));
  const auto unlimited = limited ? network.unlimited_network() : std::nullopt;
  if (!unlimited) return network;
  const std::string problem = fmt::format(
      "isolator resource/network-bandwidth of the pod cannot be enforced: network '{}' has no plugin with "
      "the "
      "capability '{}'",
      *unlimited, kBandwidth);
  if (!pod.options.waive_limits)
    return std::unexpected(Error(ErrorKind::kUnsupported, problem).with_hint(stage2::kLimitsHint));
  log::warning("{}", problem);
  return network;
}

}  // namespace

Result<int> supervise(const contract::EntrypointCall& call) {
  PhaseTimer timer(start_of_run());
  timer.reach("stage0");
  TRY(contract::take_trace(call, {.pid = ::getpid(), .lane = trace::Lane::kStage1}));
  TRY(keep_lock());
  (void)::signal(SIGPIPE, SIG_IGN);
  Pod pod = TRY(load_pod(TRY(sys::open_dir(".")), call));
  auto ports = TRY_CTX(port_mappings(pod.manifest, pod.apps), "failed to setup network");
  timer.end_phase("read the pod");
  // They are taken in one by one, as those that come later.
  if (pod.options.is_mutable) pod.apps.clear();
  const auto users = TRY(enter_users(pod));
  const sys::DirFd pod_dir = TRY(sys::open_dir("."));
  const sys::DirFd root = TRY(open_root(pod_dir, pod));
  const PassedSockets sockets = TRY(PassedSockets::take(pod));
  pod.apps_with_sockets = sockets.apps();
  // NOLINTNEXTLINE(concurrency-mt-unsafe): this program has one thread.
  if (!pod.apps_with_sockets.empty()) ::setenv(kAppsWithSockets, join(pod.apps_with_sockets, " ").c_str(), 1);
  for (const std::string& warning : unknown_isolators(pod)) log::warning("warning: {}", warning);
  TRY(check_limits(pod));
  TRY(warn_of_implicit_volumes(pod));
  // What is wrong with the networks is known before anything is made for them.
  PodNetwork network =
      TRY_CTX(choose_networks(pod_dir, root, pod, std::move(ports)), "failed to setup network");
  timer.end_phase("checks and choice of networks");
  HostManager host(pod_dir, pod.uuid, pod.options.machine_name, pod.options.debug);
  host.enter_scope();
  PodCgroup cgroup = TRY(PodCgroup::make(pod_dir, pod.uuid, TRY(limits_of(pod)), pod.options.waive_limits));
  for (const std::string& warning : cgroup.warnings()) log::warning("{}", warning);
  auto devices = TRY(restrict_devices(pod, cgroup));
  timer.end_phase("cgroup and devices");
  // Whoever finds our process may ask it to end, from now on and until all is undone.
  const sys::UniqueFd end_request = TRY(sys::open_signalfd({SIGTERM, SIGINT, SIGHUP, SIGQUIT}));
  network.heed(end_request.get());
  TRY(contract::write_pid_file(pod_dir, paths::kPpid, ::getpid()));
  TRY(sys::make_symlink("systemd", pod_dir, paths::kFlavor));
  auto loop = TRY(sys::EventLoop::create());
  Result<int> code = 0;
  {
    Supervisor supervisor(loop, pod_dir, root, pod, users ? &*users : nullptr, cgroup, devices, names_of(pod),
                          network, host, sockets, timer);
    Result<> ran = supervisor.start(call);
    if (ran) ran = supervisor.watch();
    code = ran ? supervisor.finish() : Result<int>(std::unexpected(std::move(ran).error()));
  }
  host.finish();
  // What it does not come to is on record, for gc.
  if (auto down = network.tear_down(); !down)
    log::warning("warning: networks of the pod are left to gc: {}", down.error().to_string());
  // Without it gc does the work; the pod has ended either way.
  if (auto removed = cgroup.remove(); !removed) log::debug("{}", removed.error().to_string());
  timer.end_phase("cgroup removed");
  log::debug("phases: {}", timer.to_string());
  trace::finish();
  return code;
}

}  // namespace agena::stage1
