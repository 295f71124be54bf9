// An app as a pod directory describes it, for both flavours: its entry in the pod manifest, the app section
// that counts, and what its image is. Also the sources of /etc/resolv.conf and /etc/hosts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/stage2/app_plan.h"
#include "common/sys/fd.h"
#include "manifests/life/app_life.h"
#include "manifests/schema/pod_manifest.h"

namespace agena::stage2 {

struct PodApp {
  schema::RuntimeApp runtime;
  schema::App app;            // the pod manifest's, or else the image's
  bool docker_rules = false;  // the image came from docker or OCI
  life::AppLife life = {};

  const std::string& name() const { return runtime.name.str(); }
};

// Completes an app of the pod manifest by its image manifest in the pod directory (appsinfo/APP/manifest).
Result<PodApp> load_pod_app(const sys::DirFd& pod_dir, schema::RuntimeApp runtime);

// What goes where in an app. The volumes that a docker image asks for begin with its content, unless a volume
// is given for them.
Result<std::vector<AppMount>> mounts_of_app(const schema::PodManifest& pod, const PodApp& app);

// Where a configuration file comes from (option --dns-conf-mode, interface version 4).
enum class ConfSource {
  kDefault,  // the image's own file; for hosts, stage1's fallback if the image has none
  kHost,     // the host's file
  kStage0,   // written by stage0 into etc/rkt-resolv.conf or etc/rkt-hosts of the stage1 root
  kNone,     // resolv.conf only: leave what the image has
};

struct DnsMode {
  ConfSource resolv_conf = ConfSource::kDefault;
  ConfSource hosts = ConfSource::kDefault;
  bool operator==(const DnsMode&) const = default;
};

// "resolv=R,hosts=H"; an empty text is the default of both.
Result<DnsMode> parse_dns_mode(std::string_view text);

}  // namespace agena::stage2
