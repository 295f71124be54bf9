#include "stage1/run/pod_files.h"

#include <algorithm>
#include <iterator>

#include "common/contract/pod_paths.h"
#include "common/stage2/app_plan.h"
#include "common/stage2/hub_protocol.h"
#include "common/sys/fs.h"
#include "stage1/plan/launch.h"
#include "stage1/units/pod_units.h"
#include "stage1/units/socket_units.h"

namespace agena::stage1 {
namespace {

namespace paths = contract::pod_paths;

// Where there is neither a file of stage0's nor one in the stage1 image.
constexpr const char* kLoopbackHosts = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

// The pod's name leads to where others reach it, as an app that tells others of itself expects.
std::string own_host_lines(const Pod& pod) {
  if (pod.network.addresses.empty()) return "127.0.0.1\t" + pod.options.hostname + "\n";
  std::string lines;
  for (const std::string& address : pod.network.addresses)
    lines += address + "\t" + pod.options.hostname + "\n";
  return lines;
}

// Stage0's file (--hosts-entry) or the fallback, and the pod itself. In a place of its own: those two are
// what the next start begins with.
Result<> write_hosts(const sys::DirFd& root, const Pod& pod) {
  const bool written = pod.options.dns.hosts == ConfSource::kStage0;
  const auto base = sys::read_file(root, written ? paths::kHosts : paths::kHostsFallback);
  if (!base && (written || base.error().kind() != ErrorKind::kNotFound)) return std::unexpected(base.error());
  return sys::write_file(root, kAppsHosts, (base ? *base : kLoopbackHosts) + own_host_lines(pod));
}

Result<> write_identity(const sys::DirFd& root, const Pod& pod) {
  TRY(sys::make_dirs(root, "etc"));
  TRY(sys::write_file(root, paths::kHostname, pod.options.hostname + "\n"));
  TRY(sys::write_file(root, paths::kMachineId, pod.uuid.without_dashes() + "\n", 0444));
  TRY(write_hosts(root, pod));
  if (pod.network.resolv_conf) TRY(sys::write_file(root, paths::kResolvConf, *pod.network.resolv_conf));
  return {};
}

}  // namespace

Result<std::vector<PodFile>> app_files(const Pod& pod, const PodApp& app, const PodLimits& limits) {
  std::vector<PodFile> files;
  const auto of_app = limits.apps.find(app.name());
  std::vector<NamedFile> units = {
      app_unit(app, of_app == limits.apps.end() ? CgroupLimits() : of_app->second, pod.options.is_mutable)};
  std::ranges::move(TRY(socket_units(pod, app)), std::back_inserter(units));
  for (NamedFile& unit : units)
    files.push_back({std::string(kUnitDir) + "/" + unit.name, std::move(unit.text)});
  for (const stage2::LaunchPlan& plan : TRY(plan_launches(pod, app)))
    files.push_back(
        {plan_path(app.name(), stage2::to_string(plan.role)), TRY(stage2::render_launch_plan(plan)), 0600});
  const stage2::AppContext context{app.name(), &app.app, app.docker_rules, pod.options.metadata_url};
  files.push_back(
      {paths::app_env(app.name()), stage2::environment_file(stage2::app_environment(context)), 0600});
  return files;
}

Result<> write_pod_files(const sys::DirFd& root, const Pod& pod) {
  TRY(write_identity(root, pod));
  for (const char* dir : {kUnitDir, kPlanDir, paths::kEnvDir, paths::kStatusDir})
    TRY(sys::make_dirs(root, dir));
  for (const NamedFile& unit : static_units(pod))
    TRY(sys::write_file(root, std::string(kUnitDir) + "/" + unit.name, unit.text));
  const PodLimits limits = TRY(limits_of(pod));
  for (const PodApp& app : pod.apps)
    for (const PodFile& file : TRY_CTX(app_files(pod, app, limits), "app '{}'", app.name()))
      TRY_CTX(sys::write_file(root, file.path, file.text, file.mode), "app '{}'", app.name());
  return {};
}

}  // namespace agena::stage1
