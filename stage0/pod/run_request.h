// What a user asks of `run`, `prepare` and `run-prepared`, as typed values. The grammar of the command line
// ends here and the making of a pod begins: producers are the front ends, the only consumer is stage0/pod.
// Knows nothing of argv, of the store or of where directories are. All texts are syntax-checked by the
// producer where the comment says so, everything else is the consumer's to check.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stage0/fetch/fetch_options.h"
#include "stage0/pod/life_request.h"
#include "stage0/pod/resource_request.h"
#include "stage0/pod/volume_request.h"

namespace agena::stage0 {

// A name with a value: an environment variable, an annotation, a label. The name is not empty.
struct NameValue {
  std::string name;
  std::string value;
  bool operator==(const NameValue&) const = default;
};

// `--stage1-*`: which stage1 image runs the pod.
struct Stage1Selection {
  enum class Kind {
    kDefault,  // the configured one (rkt-style: name in the store, then location, then beside the program)
    kUrl,      // value: a URL of any scheme
    kPath,     // value: path of an ACI
    kName,     // value: image name, maybe with version and labels
    kHash,     // value: image id or a prefix of it
    kFromDir,  // value: file name inside the stage1 images directory
  };
  Kind kind = Kind::kDefault;
  std::string value;
  bool operator==(const Stage1Selection&) const = default;
};

// `--mount volume=VOL,target=PATH`; target is absolute.
struct MountRequest {
  std::string volume;
  std::string target;
  bool operator==(const MountRequest&) const = default;
};

// `--volume NAME,kind=…`. For kind host, source is absolute and mode, uid, gid are unset; for kind empty,
// source is empty.
struct VolumeRequest {
  enum class Kind { kHost, kEmpty };
  std::string name;
  Kind kind = Kind::kHost;
  std::string source;
  std::optional<bool> read_only;
  std::optional<bool> recursive;
  std::optional<std::uint32_t> mode;  // permission bits, at most 07777
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::optional<schema::Propagation> propagation;  // kind host only
  bool map_ids = false;                            // kind host only, with PrepareRequest::private_users
  bool operator==(const VolumeRequest&) const = default;
};

// `--port NAME:[HOSTIP:]HOSTPORT`; host_ip is a literal address or empty (any). Without a protocol it is the
// port of this name of an app, or that number (port_request.h); with one (`app sandbox`) the port of the pod
// that is given here.
struct PortRequest {
  std::string name;
  std::string host_ip;
  std::uint16_t host_port = 0;
  std::string protocol = {};  // "tcp", "udp", "sctp", or empty
  std::uint16_t pod_port = 0;
  bool operator==(const PortRequest&) const = default;
};

// Isolator flags of an app as the user typed them; manifests/isolators parses and applies them. Unset means
// that the image's own isolator stands.
struct IsolatorFlags {
  std::optional<std::string> memory;         // Kubernetes quantity, bytes; request = limit
  std::optional<std::string> cpu;            // Kubernetes quantity, cores; request = limit
  std::optional<std::string> cpu_shares;     // integer
  std::optional<std::string> oom_score_adj;  // integer
  std::optional<std::vector<std::string>> caps_retain;
  std::optional<std::vector<std::string>> caps_remove;
  std::optional<std::string> seccomp;  // "mode=retain|remove[,errno=E],a,b,@set"
  std::optional<bool> no_new_privileges = {};
  std::optional<std::string> selinux_context = {};   // "user:role:type:level"
  std::optional<std::string> apparmor_profile = {};  // a profile's name
  bool operator==(const IsolatorFlags&) const = default;
};

// One image argument of the command line with the flags and arguments that follow it.
struct AppRequest {
  std::string image;      // as typed: an id, a path, oci:…, docker-archive:…, a URL or a name
  std::string signature;  // path of a detached signature, empty if none
  std::string name;       // overrides the app's name; empty: derived from the image's name
  std::string exec;       // replaces the image's whole exec by this element; empty: the image's
  // What stood between `--` and `---`. has_args tells `--` with nothing behind it from no `--` at all.
  std::vector<std::string> args;
  bool has_args = false;
  // Arguments take the place of those in the exec of an ACI (rkt's rule for `app add`) instead of following
  // it.
  bool args_replace = false;

  // Overrides of the image's app section; empty: the image's.
  std::string user;
  std::string group;
  std::optional<std::vector<std::uint32_t>> supplementary_gids;
  std::string working_dir;
  std::optional<bool> readonly_rootfs;

  std::vector<NameValue> environment;  // no name twice
  std::vector<NameValue> annotations;
  std::vector<NameValue> user_annotations;
  std::vector<NameValue> user_labels;
  std::vector<MountRequest>
      mounts;  // this app's; they win over PrepareRequest::mounts on an equal clean path
  IsolatorFlags isolators;
  LifeRequest life;
  ResourceFlags resources;
  FileSystemRequest file_systems;
  bool operator==(const AppRequest&) const = default;
};

// Everything that decides what a prepared pod is. Either pod_manifest is set, and then apps, mounts, volumes,
// ports, resources, set_env and inherit_env are empty; or there is at least one app; or the pod is mutable.
struct PrepareRequest {
  std::string name;                  // of the pod; empty: none
  std::vector<AppRequest> apps;      // in the order of the command line
  std::vector<MountRequest> mounts;  // for every app (`--mount` before the first image)
  std::vector<VolumeRequest> volumes;
  std::vector<PortRequest> ports;

  // Order of precedence, low to high: the image's environment, the caller's (inherit_env; adds missing names
  // only), AppRequest::environment, set_env.
  bool inherit_env = false;
  // `--set-env-file` and `--set-env` together, the latter already preferred; no name twice.
  std::vector<NameValue> set_env;

  KernelRequest kernel;  // empty with a pod_manifest

  std::string pod_manifest;  // path of a pod manifest, empty if none
  PullPolicy pull_policy = PullPolicy::kNew;
  Platform platform = host_platform();  // of images that are there for several
  std::uint64_t max_image_bytes = kDefaultMaxUnpackedBytes;
  Stage1Selection stage1;
  InsecureOptions insecure;
  PodResourceFlags resources;
  bool no_overlay = false;     // copy the roots instead of mounting overlays
  bool private_users = false;  // a user namespace of the pod's own
  bool is_mutable = false;     // apps come and go while the pod runs

  // Pod-level annotations and labels (app sandbox); empty for run and prepare.
  std::vector<NameValue> annotations;
  std::vector<NameValue> user_annotations;
  std::vector<NameValue> user_labels;
  bool operator==(const PrepareRequest&) const = default;
};

// One network of `--net=NAME[:ARGS],…`; args are CNI's "K=V;K=V".
struct NetworkRequest {
  std::string name;
  std::string args;
  bool operator==(const NetworkRequest&) const = default;
};

// `--dns*`: what stands in the apps' /etc/resolv.conf. Servers are literal addresses.
struct DnsRequest {
  enum class Mode {
    kDefault,  // no --dns: networks or the image decide
    kHost,     // the host's file
    kNone,     // the image's file, whatever networks say
    kStage0,   // made from the lists below
  };
  Mode mode = Mode::kDefault;
  std::vector<std::string> servers;
  std::vector<std::string> search;
  std::vector<std::string> options;
  std::string domain;
  bool operator==(const DnsRequest&) const = default;
};

// A line of the apps' /etc/hosts; address is literal, names is not empty.
struct HostsEntry {
  std::string address;
  std::vector<std::string> names;
  bool operator==(const HostsEntry&) const = default;
};

// `--hosts-entry`: entries (mode kStage0), or the host's own file (kHost).
struct HostsRequest {
  enum class Mode { kDefault, kHost, kStage0 };
  Mode mode = Mode::kDefault;
  std::vector<HostsEntry> entries;
  bool operator==(const HostsRequest&) const = default;
};

// Everything that is decided when a prepared pod starts.
struct LaunchRequest {
  std::vector<NetworkRequest> networks;  // empty: none asked for
  DnsRequest dns;
  HostsRequest hosts;
  std::string hostname;  // empty: PERSONALITY-UUID
  bool interactive = false;
  bool mds_register = false;
  std::optional<Nanoseconds> timeout;  // the pod is stopped after it
  std::string ipc;                     // "auto", "private", "parent", or empty: the flavour's default
  std::string trace_file;              // where the trace of this start goes; empty: nowhere
  bool operator==(const LaunchRequest&) const = default;

  // Whether the pod shares the host's network namespace.
  bool host_network() const { return networks.size() == 1 && networks.front().name == "host"; }
};

// `run`: prepare and start in one go.
struct RunRequest {
  PrepareRequest prepare;
  LaunchRequest launch;
  std::vector<std::string> launch_flags;  // what is kept for `start` (start_again.h)
  std::string uuid_file_save;             // where to write the UUID before the pod starts; empty: nowhere
  bool operator==(const RunRequest&) const = default;
};

}  // namespace agena::stage0
