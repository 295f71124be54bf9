// The pod as stage1 sees it: the manifest, the apps with their images' facts, and the options of the `run`
// call. Read from the pod directory, which is the working directory of every stage1 program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/base/uuid.h"
#include "common/contract/entrypoints.h"
#include "common/contract/metadata.h"
#include "common/stage2/pod_app.h"
#include "common/sys/fd.h"
#include "common/sys/id_range.h"
#include "manifests/schema/pod_manifest.h"
#include "stage1/net/network_choice.h"
#include "stage1/net/network_facts.h"
#include "stage1/plan/confinement.h"

namespace agena::stage1 {

using stage2::ConfSource;
using stage2::PodApp;

// The options of `run` as values.
struct RunOptions {
  bool debug = false;
  bool interactive = false;
  bool is_mutable = false;  // apps come and go while the pod runs; none is started by itself
  NetworkChoice network;
  std::string local_config;  // the user's directory of configuration
  std::string hostname;      // never empty
  std::string machine_name;  // towards the host's systemd-machined; never empty
  stage2::DnsMode dns;
  Restrictions restrictions;
  bool restrict_paths = true;
  bool waive_limits = false;                  // limits that the host cannot enforce are left out
  bool share_ipc = false;                     // --ipc=parent
  std::optional<sys::IdRange> private_users;  // the pod has a user namespace of its own, with these ids
  std::string mds_token;                      // empty: the pod is not registered with the metadata service
  std::uint16_t mds_port = contract::kMetadataPort;
  std::string metadata_url;  // AC_METADATA_URL, empty without one
  // SELinux labels of the pod's processes and of file systems that are made for it; empty where SELinux is
  // off.
  std::string selinux_context;
  std::string selinux_mount_context;
  std::optional<Nanoseconds> timeout;  // after which the pod is stopped
  bool trace = false;                  // the start of the pod and its apps is traced
};

struct Pod {
  Uuid uuid;
  RunOptions options;
  schema::PodManifest manifest;
  std::vector<PodApp> apps;
  NetworkFacts network = {};  // as soon as the networks are there
  // Names of the apps that get sockets which the host's service manager has passed.
  std::vector<std::string> apps_with_sockets = {};
  // What is mounted for an app is in a mount namespace of its own (app_mounts_file()), not in the pod's.
  bool apps_have_mounts = false;
};

// Variable by which the supervisor tells pod-init the latter, separated by blanks.
inline constexpr const char* kAppsWithSockets = "AGENA_APPS_WITH_SOCKETS";

// Options from the parsed call; what this flavour cannot do is an error that names the option.
Result<RunOptions> read_run_options(const contract::EntrypointCall& call, const Uuid& uuid);
// Manifest and apps from a pod directory.
Result<Pod> load_pod(const sys::DirFd& pod_dir, const contract::EntrypointCall& call);

// Takes over what the pod's networks came to: also where the apps' resolv.conf comes from.
void apply_network_facts(NetworkFacts facts, Pod& pod);

// One sentence for each isolator of the pod whose name says nothing here.
std::vector<std::string> unknown_isolators(const Pod& pod);

}  // namespace agena::stage1
