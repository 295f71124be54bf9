// The pod as stage1 sees it: the manifest, the apps with their images' facts, and the options of the `run`
// call. Read from the pod directory, which is the working directory of every stage1 program.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "common/contract/entrypoints.h"
#include "common/stage2/app_plan.h"
#include "common/sys/fd.h"
#include "manifests/schema/pod_manifest.h"

namespace agena::stage1 {

// Where the pod's files come from (option --dns-conf-mode; rkt's interface version 4).
enum class ConfSource {
  kDefault,  // the image's own file; for hosts, stage1's fallback if the image has none
  kHost,     // the host's file
  kStage0,   // written by stage0 into etc/rkt-resolv.conf or etc/rkt-hosts
  kNone,     // resolv.conf only: leave what the image has
};

enum class Network { kHost, kNone };

// The options of `run` as values.
struct RunOptions {
  bool debug = false;
  bool interactive = false;
  Network network = Network::kNone;
  std::string hostname;  // never empty
  ConfSource resolv_conf = ConfSource::kDefault;
  ConfSource hosts = ConfSource::kDefault;
  bool restrict_capabilities = true;
  bool restrict_paths = true;
  bool share_ipc = false;  // --ipc=parent
  std::string metadata_url;
};

// One app: its run-time entry, the app section that counts, and whether docker's rules hold for it.
struct PodApp {
  schema::RuntimeApp runtime;
  schema::App app;
  bool docker_rules = false;

  const std::string& name() const { return runtime.name.str(); }
};

struct Pod {
  Uuid uuid;
  RunOptions options;
  schema::PodManifest manifest;
  std::vector<PodApp> apps;
};

// Options from the parsed call; what this flavour cannot do is an error that names the option.
Result<RunOptions> read_run_options(const contract::EntrypointCall& call, const Uuid& uuid);
// Manifest and apps from a pod directory.
Result<Pod> load_pod(const sys::DirFd& pod_dir, const contract::EntrypointCall& call);

// The volumes of an app. A docker image's own volume paths stay as they are in its root (content, mode and
// owner included), unless a volume is given for them.
Result<std::vector<stage2::AppMount>> mounts_of(const Pod& pod, const PodApp& app);

}  // namespace agena::stage1
