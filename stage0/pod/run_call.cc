#include "stage0/pod/run_call.h"

#include <algorithm>

#include "common/base/trace.h"
#include "common/contract/env.h"
#include "common/contract/metadata.h"
#include "common/contract/pod_paths.h"
#include "stage0/pod/dns_files.h"
#include "stage0/pod/private_users.h"

namespace agena::stage0 {
namespace {

// Interface version that brought --hostname.
constexpr int kHostnameSince = 2;
// … and --machine-name.
constexpr int kMachineNameSince = 7;
// … and --trace-fd.
constexpr int kTraceSince = 10;
// What stage1 names a pod by itself, rkt's way.
constexpr const char* kStage1Personality = "rkt";

// What a pod gets when nobody asks for a network. Told to every stage1: to some, no word means the host's.
constexpr const char* kDefaultNetwork = "default";

std::string network_list(const LaunchRequest& launch) {
  if (launch.networks.empty()) return kDefaultNetwork;
  std::string list;
  for (const NetworkRequest& network : launch.networks)
    list += (list.empty() ? "" : ",") + network.name + (network.args.empty() ? "" : ":" + network.args);
  return list;
}

// A default name of another personality is told where it can be: nobody asked for it, so an old stage1 is no
// cause for a warning.
std::string default_name(const Engine& engine, const Uuid& uuid, int since, int interface_version) {
  if (engine.personality == kStage1Personality || interface_version < since) return "";
  return engine.personality + "-" + uuid.str();
}

}  // namespace

contract::EntrypointCall render_run_options(const Engine& engine, const Uuid& uuid, const RunCallFacts& facts,
                                            int interface_version) {
  contract::EntrypointCall call;
  const auto set = [&](const char* name, const std::string& value) {
    if (!value.empty()) call.options.emplace(name, value);
  };
  const auto set_flag = [&](const char* name, bool on) {
    if (on) call.options.emplace(name, "true");
  };
  const LaunchRequest& launch = facts.launch;
  set_flag("debug", engine.debug);
  set("net", network_list(launch));
  set_flag("interactive", launch.interactive);
  if (facts.metadata && interface_version < contract::kMdsTokenByVariable)
    set("mds-token", facts.metadata->token);
  if (facts.metadata && facts.metadata->port != 0 && facts.metadata->port != contract::kMetadataPort)
    set("mds-port", fmt::format("{}", facts.metadata->port));
  set("local-config", engine.local_config_dir);
  set("hostname", launch.hostname.empty() ? default_name(engine, uuid, kHostnameSince, interface_version)
                                          : launch.hostname);
  set("dns-conf-mode", dns_conf_mode(launch));
  set_flag("disable-capabilities-restriction", facts.insecure.capabilities);
  set_flag("disable-paths", facts.insecure.paths);
  set_flag("disable-seccomp", facts.insecure.seccomp);
  set_flag("mutable", facts.is_mutable);
  set("ipc", launch.ipc);
  set("machine-name", default_name(engine, uuid, kMachineNameSince, interface_version));
  set_flag("disable-limits", facts.insecure.limits);
  set_flag("disable-lsm", facts.insecure.lsm);
  if (launch.timeout)
    set("timeout", fmt::format("{}ms", std::max<Nanoseconds>(*launch.timeout / (kSecond / 1000), 1)));
  if (trace::enabled()) set("trace-fd", fmt::format("{}", trace::descriptor()));
  call.operands = {uuid.str()};
  return call;
}

Result<Stage1Exec> make_run_call(const Engine& engine, const Pod& pod, const sys::DirFd& root,
                                 const RunCallFacts& facts) {
  const auto manifest = TRY(Stage1Manifest::read(pod.dir()));
  Stage1Call call{contract::Entrypoint::kRun,
                  render_run_options(engine, pod.uuid(), facts, manifest.interface_version())};
  if (const auto ids = TRY(read_private_users(pod.dir())))
    call.arguments.options.emplace("private-users", ids->str());
  auto exec = TRY(resolve_stage1_call(manifest, root, contract::pod_paths::kStage1Root, pod.dir(), call));
  if (facts.metadata && manifest.interface_version() >= contract::kMdsTokenByVariable)
    set_variable(exec, contract::env::kMdsToken, facts.metadata->token);
  if (trace::enabled() && manifest.interface_version() >= kTraceSince)
    exec.inherited_fds.push_back(trace::descriptor());
  return exec;
}

}  // namespace agena::stage0
