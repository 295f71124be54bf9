#include "stage1-fly/run/fly_pod.h"

#include <linux/mount.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/stage2/volumes.h"
#include "common/sys/fs.h"
#include "manifests/codec/pod_manifest.h"

namespace agena::fly {
namespace {

namespace paths = contract::pod_paths;

struct OptionRow {
  const char* name;
  // Value under which the option asks for nothing that is missing here.
  const char* harmless;
  bool refused;  // otherwise a warning
};
constexpr std::array kOptions = {
    OptionRow{"private-users", "", true},
    OptionRow{"mutable", "false", true},
    OptionRow{"timeout", "", true},
    OptionRow{"ipc", "parent", false},
};

}  // namespace

Result<> check_run_options(const contract::EntrypointCall& call) {
  for (const OptionRow& row : kOptions) {
    const std::string value = call.value(row.name);
    if (value.empty() || value == row.harmless) continue;
    if (row.refused) return fail(ErrorKind::kUnsupported, "--{} is not supported by stage1-fly", row.name);
    log::warning("--{}={} has no effect: stage1-fly does not isolate apps", row.name, printable(value));
  }
  // Every pod is told of the default network, whoever asked for it.
  if (const std::string net = call.value("net"); !net.empty() && net != "host" && net != "default")
    log::warning("--net={} has no effect: stage1-fly does not isolate apps", printable(net));
  return {};
}

namespace {

// What would change the host.
Result<> check_pod_isolators(const schema::PodManifest& manifest) {
  for (const schema::Isolator& isolator : manifest.isolators)
    if (isolator.kind == schema::IsolatorKind::kSysctls || isolator.kind == schema::IsolatorKind::kShmSize)
      return fail(ErrorKind::kUnsupported,
                  "stage1-fly has the host's kernel settings and shared memory: isolator {} is not supported",
                  isolator.name.str());
  return {};
}

}  // namespace

Result<FlyPod> load_fly_pod(const sys::DirFd& pod_dir, const contract::EntrypointCall& call) {
  Uuid uuid = TRY(Uuid::parse(call.operands.at(0)));
  const stage2::DnsMode dns = TRY(stage2::parse_dns_mode(call.value("dns-conf-mode")));
  auto manifest = TRY(codec::parse_pod_manifest(TRY(sys::read_file(pod_dir, paths::kManifest))));
  TRY(check_pod_isolators(manifest));
  if (!manifest.ports.empty())
    log::warning("the pod's ports are not forwarded: stage1-fly has the host's network");
  if (manifest.apps.size() != 1)
    return fail(ErrorKind::kUnsupported, "stage1-fly runs exactly one app, this pod has {}",
                manifest.apps.size());
  stage2::PodApp app = TRY(stage2::load_pod_app(pod_dir, manifest.apps.front()));
  if (app.life.restart.when != life::RestartPolicy::When::kNo)
    return fail(ErrorKind::kUnsupported,
                "app '{}': --restart is not supported by stage1-fly, which has no supervisor", app.name());
  auto mounts = TRY_CTX(stage2::mounts_of_app(manifest, app), "app '{}'", app.name());
  return FlyPod{std::move(uuid), dns, std::move(app), std::move(mounts)};
}

Result<stage2::ProcessLimits> fly_limits(const FlyPod& pod, const contract::EntrypointCall& call) {
  auto limits = TRY_CTX(stage2::process_limits(pod.app.app), "app '{}'", pod.app.name());
  for (const std::string& problem : limits.problems) {
    const std::string text = fmt::format("app '{}' cannot have {}", pod.app.name(), problem);
    if (!call.flag("disable-limits"))
      return std::unexpected(Error(ErrorKind::kUnsupported, text).with_hint(stage2::kLimitsHint));
    log::warning("{}", text);
  }
  return limits;
}

namespace {

sys::MountOp bind(std::string target, std::string source, bool recursive) {
  return {.target = std::move(target), .source = std::move(source), .recursive = recursive};
}

// A file of the host's /etc or of the stage1 root (the working directory is the pod's), read-only.
void add_conf_file(sys::MountPlan& plan, stage2::ConfSource source, const std::string& host_file,
                   const std::string& stage0_file) {
  using enum stage2::ConfSource;
  if (source != kHost && source != kStage0) return;
  sys::MountOp op = bind(
      host_file, source == kHost ? host_file : std::string(paths::kStage1Root) + "/" + stage0_file, false);
  if (source == kHost) op.missing = sys::MissingSource::kSkip;
  op.attributes = MOUNT_ATTR_RDONLY;
  plan.push_back(std::move(op));
}

}  // namespace

sys::MountPlan fly_mounts(const FlyPod& pod) {
  sys::MountPlan plan;
  for (const char* kernel : {"/dev", "/proc", "/sys"}) plan.push_back(bind(kernel, kernel, true));
  plan.push_back({.kind = sys::MountKind::kFilesystem,
                  .target = "/tmp",
                  .source = {},
                  .type = "tmpfs",
                  .options = {{"mode", "1777"}},
                  .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV});
  // Before the volumes: one that covers such a file was meant to.
  add_conf_file(plan, pod.dns.resolv_conf, "/etc/resolv.conf", paths::kResolvConf);
  add_conf_file(plan, pod.dns.hosts, "/etc/hosts", paths::kHosts);
  return plan;
}

sys::MountPlan fly_user_mounts(const FlyPod& pod) {
  // Not recursive unless asked for: rkt's fly, whose users had mounts multiply otherwise.
  sys::MountPlan plan = stage2::volume_mounts(pod.mounts, /*recursive=*/false);
  // The host's devices are all there.
  std::erase_if(
      plan, [](const sys::MountOp& op) { return op.source == op.target && op.target.starts_with("/dev/"); });
  std::ranges::move(stage2::tmpfs_mounts(pod.app.app), std::back_inserter(plan));
  return plan;
}

}  // namespace agena::fly
