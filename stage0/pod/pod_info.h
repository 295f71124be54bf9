// What can be known about a pod from its directory, as `list`, `status` and other front ends show it. Reading
// never fails because of a broken pod: what cannot be read is absent, and told in `problems`.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/base/uuid.h"
#include "common/contract/app_life_file.h"
#include "stage0/pod/pod.h"

namespace agena::stage0 {

enum class AppState { kUnknown, kCreated, kRunning, kExited };
// "unknown", "created", "running", "exited".
std::string_view name_of(AppState state);

// A mount of an app.
struct MountInfo {
  std::string name;            // of the volume
  std::string container_path;  // in the app's root
  std::string host_path;       // source; for an empty volume its directory in the pod
  bool read_only = false;
};

// Of an app of a mutable pod, `created_at` is when it was added, and `started_at` and `finished_at` are of
// its last run.
struct AppInfo {
  std::string name;
  AppState state = AppState::kUnknown;
  std::string image_id;                   // "sha512-…", as the pod manifest has it
  std::optional<std::string> image_name;  // "name:version" ("name" without a version); absent if unreadable
  std::optional<Nanoseconds> created_at;
  std::optional<Nanoseconds> started_at;
  std::optional<Nanoseconds> finished_at;
  std::optional<int> exit_code;
  std::uint64_t oom_kills = 0;  // processes that the kernel killed because memory ran out
  // Of apps that are restarted, waited for or checked, and of all apps of mutable pods.
  std::optional<contract::AppLifeStatus> life;
  std::vector<MountInfo> mounts;
  std::map<std::string, std::string> user_annotations;
  std::map<std::string, std::string> user_labels;
};

// One entry of net-info.json, as stage1 wrote it.
struct NetInfo {
  std::string net_name;
  std::string net_conf;
  std::string plugin_path;
  std::string if_name;
  std::string ip;
  std::string args;
  std::string mask;
  // Every address with its prefix length, IPv6 too; other stage1s do not tell.
  std::vector<std::string> addresses;
};

struct PodInfo {
  explicit PodInfo(Uuid pod_uuid) : uuid(std::move(pod_uuid)) {}

  Uuid uuid;
  PodState state = PodState::kEmbryo;
  std::string name;                       // empty: it has none
  std::optional<Nanoseconds> created_at;  // mtime of pod-created, else of the manifest
  std::optional<Nanoseconds> started_at;  // mtime of pid or ppid
  std::optional<Nanoseconds> marked_at;   // when gc marked it (exited garbage and garbage only)
  bool has_manifest = false;
  bool is_mutable = false;
  std::vector<AppInfo> apps;      // in the order of the manifest
  std::vector<NetInfo> networks;  // read only while running, and of exited pods
  std::map<std::string, std::string> user_annotations;
  std::map<std::string, std::string> user_labels;
  std::vector<Error> problems;  // what could not be read, each naming the pod
};

// What to leave out, for callers that do not show it.
struct PodInfoOptions {
  bool image_names = true;  // reads each app's image manifest
  bool networks = true;
};

// Reads everything that there is. kNotFound only if the pod is gone altogether.
Result<PodInfo> read_pod_info(Pod& pod, const PodInfoOptions& options = {});

// One app of it. kNotFound if there is none of this name.
Result<AppInfo> app_info_of(const PodInfo& pod, std::string_view app);

// Process id of the pod's first process: file `pid`, else the only child of `ppid`. nullopt if the pod has
// none (not started yet, or ended).
Result<std::optional<pid_t>> read_pod_pid(Pod& pod);
// The same, waiting for a pod that is just being started. nullopt if it is not running, kBusy if the time has
// passed.
Result<std::optional<pid_t>> wait_for_pod_pid(Pod& pod, Nanoseconds at_most = 10 * kSecond);
// Waits until stage1 has put a process on record that can be asked to stop the pod; false if the pod has
// ended instead.
Result<bool> wait_for_stage1(Pod& pod, Nanoseconds at_most = 10 * kSecond);

// Exit codes by app name, of the apps that have ended.
Result<std::map<std::string, int>> read_exit_codes(const Pod& pod);

}  // namespace agena::stage0
