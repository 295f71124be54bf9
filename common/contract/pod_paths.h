// Every path inside a pod directory, relative to it. Both stages take paths from here and nowhere else.
//
//   UUID/                                the pod directory; flock on it is the pod's lock
//   ├── pod                              pod manifest (appc PodManifest), 0640
//   ├── pod.next                         the manifest as it will be, while an app is added or changed
//   ├── pod.prev                         the manifest as it was, while a stage1 older than 8 adds an app
//   ├── pod.lck                          flock for changes of the manifest (mutable pods), 0600
//   ├── pod-created                      empty; its mtime is the creation time
//   ├── pod-name                         the pod's name, if it has one (its reservation: DATA/names/NAME)
//   ├── launch-flags                     flags of the last start, JSON (only if there were any)
//   ├── layers                           one layer key a line: layers of the store that this pod uses
//   ├── stage1TreeStoreID                chain key of the stage1 root, no newline
//   ├── overlay-prepared                 flag: roots are overlays (absent: copies)
//   ├── private-users-prepared           SHIFT:COUNT, ids of a pod with a user namespace of its own
//   ├── appsinfo/APP/manifest            image manifest of the app
//   ├── appsinfo/APP/layers              layer keys of the app's root, bottom first (overlay pods)
//   ├── appsinfo/APP/treeStoreID         chain key of the app's root (overlay pods)
//   ├── overlay/stage1/{upper,work}      stage1's writable layer; holds rkt/status after the pod's end
//   ├── overlay/app-APP/{upper,work}     each app's own writable layer
//   ├── stage1/manifest                  image manifest of stage1
//   ├── stage1/layers                    layer keys of stage1's root, bottom first (overlay pods)
//   ├── stage1/rootfs/                   root of stage1: mount point (overlay) or tree (copy)
//   │   ├── opt/stage2/APP/rootfs/       root of an app, likewise
//   │   ├── rkt/status/APP               exit code of the app, decimal text (written when it ended)
//   │   ├── rkt/status/APP.oom           how many of its processes were killed for lack of memory
//   │   ├── rkt/env/APP                  its environment, KEY=VALUE lines
//   │   ├── rkt/life/APP                 restarts, readiness and health of the app, JSON (only if it has any)
//   │   ├── rkt/supervisor-status        symlink to `ready` once apps may be managed
//   │   └── etc/{rkt-resolv.conf,rkt-hosts,hosts-fallback,hostname,machine-id}
//   ├── logs/APP.log[.N]                 what the app has written, CRI format; .1 is the youngest put aside
//   ├── attach                           socket of the supervisor for `attach`, if an app can be attached
//   ├── control                          socket of the supervisor for changes of its apps (mutable pods)
//   ├── sharedVolumes/VOL/               backing directories of `empty` volumes
//   ├── sharedMounts/VOL                 mount points of host volumes with propagation=shared
//   ├── net-info.json                    networks as set up by stage1
//   ├── net/NN-NAME.json                 a network that is there or half there, with all to take it down
//   ├── mds-registered                   TOKEN host|pod, while the metadata service knows the pod, 0600
//   ├── subcgroup                        cgroup of the pod, relative to the cgroup2 root; before ppid
//   ├── selinux                          labels of processes and mounts, a line each, where SELinux is on
//   ├── machine                          name under which systemd-machined knows the pod, while it does
//   ├── ppid | pid                       the supervisor, which has one child | the app itself (fly); "N\n"
//   ├── pgid                             fly: process group for stop
//   └── flavor                           symlink whose target is the flavour's name
#pragma once

#include <string>
#include <string_view>

namespace agena::contract::pod_paths {

inline constexpr const char* kManifest = "pod";
inline constexpr const char* kNextManifest = "pod.next";
inline constexpr const char* kPreviousManifest = "pod.prev";
inline constexpr const char* kManifestLock = "pod.lck";
inline constexpr const char* kCreated = "pod-created";
inline constexpr const char* kPodName = "pod-name";
inline constexpr const char* kLaunchFlags = "launch-flags";
inline constexpr const char* kLayers = "layers";
inline constexpr const char* kStage1TreeId = "stage1TreeStoreID";
inline constexpr const char* kOverlayPrepared = "overlay-prepared";
inline constexpr const char* kPrivateUsers = "private-users-prepared";
inline constexpr const char* kAppsInfo = "appsinfo";
inline constexpr const char* kOverlay = "overlay";
inline constexpr const char* kStage1 = "stage1";
inline constexpr const char* kStage1Manifest = "stage1/manifest";
inline constexpr const char* kStage1Layers = "stage1/layers";
inline constexpr const char* kStage1Root = "stage1/rootfs";
inline constexpr const char* kStage1Upper = "overlay/stage1/upper";
inline constexpr const char* kStage1Work = "overlay/stage1/work";
inline constexpr const char* kSharedVolumes = "sharedVolumes";
inline constexpr const char* kLogs = "logs";
inline constexpr const char* kSharedMounts = "sharedMounts";
inline constexpr const char* kAttach = "attach";
inline constexpr const char* kControl = "control";
inline constexpr const char* kNetInfo = "net-info.json";
inline constexpr const char* kNetRecords = "net";
inline constexpr const char* kMdsRegistered = "mds-registered";
inline constexpr const char* kSubcgroup = "subcgroup";
inline constexpr const char* kSelinux = "selinux";
inline constexpr const char* kMachine = "machine";
inline constexpr const char* kPpid = "ppid";
inline constexpr const char* kPid = "pid";
inline constexpr const char* kPgid = "pgid";
inline constexpr const char* kFlavor = "flavor";

// Inside the stage1 root (also valid inside the pod, with a leading slash).
inline constexpr const char* kStatusDir = "rkt/status";
inline constexpr const char* kEnvDir = "rkt/env";
inline constexpr const char* kLifeDir = "rkt/life";
inline constexpr const char* kSupervisorStatus = "rkt/supervisor-status";
inline constexpr const char* kSupervisorReady = "ready";
inline constexpr const char* kStage2Dir = "opt/stage2";
inline constexpr const char* kResolvConf = "etc/rkt-resolv.conf";
inline constexpr const char* kHosts = "etc/rkt-hosts";
inline constexpr const char* kHostsFallback = "etc/hosts-fallback";
inline constexpr const char* kHostname = "etc/hostname";
inline constexpr const char* kMachineId = "etc/machine-id";

inline std::string app_info(std::string_view app) { return "appsinfo/" + std::string(app); }
inline std::string app_image_manifest(std::string_view app) { return app_info(app) + "/manifest"; }
inline std::string app_tree_id(std::string_view app) { return app_info(app) + "/treeStoreID"; }
inline std::string app_layers(std::string_view app) { return app_info(app) + "/layers"; }
// The prefix keeps an app named "stage1" apart from stage1's own layer.
inline std::string app_upper(std::string_view app) { return "overlay/app-" + std::string(app) + "/upper"; }
inline std::string app_work(std::string_view app) { return "overlay/app-" + std::string(app) + "/work"; }
// Log file of an app; index 0 is the one in use.
inline std::string app_log(std::string_view app, int index = 0) {
  return "logs/" + std::string(app) + ".log" + (index == 0 ? "" : "." + std::to_string(index));
}
// Root of an app, relative to the stage1 root.
inline std::string app_root_in_stage1(std::string_view app) {
  return "opt/stage2/" + std::string(app) + "/rootfs";
}
// Root of an app, relative to the pod directory.
inline std::string app_root(std::string_view app) { return "stage1/rootfs/" + app_root_in_stage1(app); }
// Status file of an app, relative to the stage1 root.
inline std::string app_status(std::string_view app) { return "rkt/status/" + std::string(app); }
inline std::string app_life(std::string_view app) { return "rkt/life/" + std::string(app); }
// The dot is in no app's name.
inline std::string app_oom_kills(std::string_view app) { return app_status(app) + ".oom"; }
inline std::string app_env(std::string_view app) { return "rkt/env/" + std::string(app); }

}  // namespace agena::contract::pod_paths
