// Files that stage1 writes into the pod's root before systemd starts: identity, hosts, units, launch plans,
// environment.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage1/plan/resources.h"
#include "stage1/run/pod.h"

namespace agena::stage1 {

// The apps' /etc/hosts, unless it is the image's or the host's; in the pod's root.
inline constexpr const char* kAppsHosts = "run/agena/hosts";

// A file of an app, relative to the stage1 root.
struct PodFile {
  std::string path;
  std::string text;
  mode_t mode = 0644;
};

// Units, launch plans and environment of an app. Looks at the host (security modules), so call it before the
// root is switched.
Result<std::vector<PodFile>> app_files(const Pod& pod, const PodApp& app, const PodLimits& limits);
// Writes all files of a pod below `root`, the stage1 root. /run must be mounted there already.
Result<> write_pod_files(const sys::DirFd& root, const Pod& pod);

}  // namespace agena::stage1
