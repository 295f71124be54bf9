#include "stage1/run/pod.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/contract/env.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "manifests/codec/pod_manifest.h"
#include "stage1/run/kernel_settings.h"

namespace agena::stage1 {
namespace {

struct IpcRow {
  std::string_view name;
  bool share;
};
constexpr std::array kIpcModes = {IpcRow{"", false}, IpcRow{"auto", false}, IpcRow{"parent", true},
                                  IpcRow{"private", false}};
static_assert(sorted_by_name(kIpcModes));

std::string variable(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): this program has one thread.
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

Result<RunOptions> read_run_options(const contract::EntrypointCall& call, const Uuid& uuid) {
  RunOptions options;
  options.debug = call.flag("debug");
  options.is_mutable = call.flag("mutable");
  options.interactive = call.flag("interactive");
  options.network = TRY(parse_network_choice(call.value("net")));
  options.local_config = call.value("local-config");
  options.hostname = call.value("hostname", "rkt-" + uuid.str());
  options.machine_name = call.value("machine-name", "rkt-" + uuid.str());
  options.dns = TRY(stage2::parse_dns_mode(call.value("dns-conf-mode")));
  options.restrictions = {.capabilities = !call.flag("disable-capabilities-restriction"),
                          .calls = !call.flag("disable-seccomp"),
                          .security_labels = !call.flag("disable-lsm")};
  options.restrict_paths = !call.flag("disable-paths");
  options.waive_limits = call.flag("disable-limits");
  const std::string token = variable(contract::env::kMdsToken);
  options.mds_token = token.empty() ? call.value("mds-token") : token;
  if (const std::string port = call.value("mds-port"); !port.empty())
    options.mds_port = static_cast<std::uint16_t>(TRY_CTX(parse_uint(port, UINT16_MAX), "--mds-port"));
  if (!options.mds_token.empty() && options.network.is_hosts())
    options.metadata_url = contract::metadata_url("127.0.0.1", options.mds_port, options.mds_token);
  const IpcRow* ipc = find_by_name(kIpcModes, call.value("ipc"));
  if (ipc == nullptr)
    return fail(ErrorKind::kInvalidInput, "unknown IPC mode '{}' (auto, private or parent)",
                printable(call.value("ipc")));
  options.share_ipc = ipc->share;
  options.selinux_context = variable(contract::env::kSelinuxContext);
  options.selinux_mount_context = variable(contract::env::kSelinuxMountContext);
  options.trace = !call.value("trace-fd").empty();
  if (const std::string text = call.value("timeout"); !text.empty())
    options.timeout = TRY_CTX(parse_duration(text), "--timeout");
  if (const std::string ids = call.value("private-users"); !ids.empty())
    options.private_users = TRY_CTX(sys::IdRange::parse(ids), "--private-users");
  return options;
}

namespace {

void append_unknown(const std::vector<schema::Isolator>& isolators, const std::string& owner,
                    std::vector<std::string>& warnings) {
  for (const schema::Isolator& isolator : isolators)
    if (isolator.kind == schema::IsolatorKind::kUnknown)
      warnings.push_back(fmt::format("isolator {} of {} is not known to this stage1",
                                     printable(isolator.name.str()), owner));
}

}  // namespace

std::vector<std::string> unknown_isolators(const Pod& pod) {
  std::vector<std::string> warnings;
  append_unknown(pod.manifest.isolators, "the pod", warnings);
  for (const PodApp& app : pod.apps) append_unknown(app.app.isolators, "app '" + app.name() + "'", warnings);
  return warnings;
}

void apply_network_facts(NetworkFacts facts, Pod& pod) {
  // What the user says of names counts before what a network does.
  if (pod.options.dns.resolv_conf != ConfSource::kDefault)
    facts.resolv_conf.reset();
  else if (facts.resolv_conf)
    pod.options.dns.resolv_conf = ConfSource::kStage0;
  if (!pod.options.mds_token.empty() && !facts.host_address.empty()) {
    const bool is_v6 = facts.host_address.contains(':');
    pod.options.metadata_url =
        contract::metadata_url(is_v6 ? "[" + facts.host_address + "]" : facts.host_address,
                               pod.options.mds_port, pod.options.mds_token);
  }
  pod.network = std::move(facts);
}

Result<Pod> load_pod(const sys::DirFd& pod_dir, const contract::EntrypointCall& call) {
  Uuid uuid = TRY(Uuid::parse(call.operands.at(0)));
  RunOptions options = TRY(read_run_options(call, uuid));
  const std::string text = TRY(sys::read_file(pod_dir, contract::pod_paths::kManifest));
  Pod pod{std::move(uuid), std::move(options), TRY(codec::parse_pod_manifest(text)), {}, {}};
  if (pod.manifest.apps.empty() && !pod.options.is_mutable)
    return fail(ErrorKind::kInvalidInput, "pod must contain at least one application");
  if (pod.options.interactive && pod.manifest.apps.size() > 1)
    return fail(ErrorKind::kInvalidInput, "interactive option only supports one image");
  for (const schema::RuntimeApp& runtime : pod.manifest.apps)
    pod.apps.push_back(TRY_CTX(stage2::load_pod_app(pod_dir, runtime), "app '{}'", runtime.name.str()));
  pod.options.hostname = hostname_setting(pod.manifest).value_or(pod.options.hostname);
  TRY(check_kernel_settings(pod));
  return pod;
}

}  // namespace agena::stage1
