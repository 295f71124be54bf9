#include "stage0/pod/pod_info.h"

#include <algorithm>
#include <array>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/contract/pod_paths.h"
#include "common/contract/status_files.h"
#include "common/sys/fs.h"
#include "manifests/codec/image_manifest.h"
#include "manifests/codec/pod_manifest.h"
#include "stage0/pod/choose_app.h"
#include "stage0/pod/mutable_pod.h"
#include "stage0/pod/pod_files.h"
#include "stage0/pod/pod_name.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

struct AppStateRow {
  AppState value;
  std::string_view name;
};
constexpr std::array kAppStates = {
    AppStateRow{AppState::kUnknown, "unknown"},
    AppStateRow{AppState::kCreated, "created"},
    AppStateRow{AppState::kRunning, "running"},
    AppStateRow{AppState::kExited, "exited"},
};

// What a pod's state says of its apps and files.
struct StateFacts {
  PodState value;
  AppState apps;      // unless an exit code tells otherwise
  bool has_manifest;  // a missing manifest is a fault
  bool has_started;   // pid files and networks may be there
  bool marked;        // the directory's ctime is when gc marked it
};
constexpr std::array kStateFacts = {
    StateFacts{PodState::kEmbryo, AppState::kUnknown, false, false, false},
    StateFacts{PodState::kPreparing, AppState::kUnknown, false, false, false},
    StateFacts{PodState::kAbortedPrepare, AppState::kUnknown, false, false, false},
    StateFacts{PodState::kPrepared, AppState::kCreated, true, false, false},
    StateFacts{PodState::kRunning, AppState::kRunning, true, true, false},
    StateFacts{PodState::kExited, AppState::kExited, true, true, false},
    // Whoever deleted it may have been killed over it.
    StateFacts{PodState::kExitedGarbage, AppState::kExited, false, true, true},
    StateFacts{PodState::kExitedDeleting, AppState::kExited, false, true, true},
    StateFacts{PodState::kGarbage, AppState::kUnknown, false, false, true},
    StateFacts{PodState::kDeleting, AppState::kUnknown, false, false, true},
};

constexpr const StateFacts& facts_of(PodState state) { return kStateFacts[static_cast<std::size_t>(state)]; }

// Modification time of the first of the files that is there.
std::optional<Nanoseconds> time_of(const sys::DirFd& dir, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const auto st = sys::stat_at(dir, name)) return sys::mtime_of(*st);
  return std::nullopt;
}

// Which file is there under a name; the ones that are replaced by rename differ in it.
struct FileId {
  ino_t inode = 0;
  Nanoseconds changed_at = 0;
  bool operator==(const FileId&) const = default;

  // Of no file: zeros.
  static FileId of(const sys::DirFd& dir, const std::string& path) {
    const auto st = sys::stat_at(dir, path);
    return st ? FileId{st->st_ino, sys::ctime_of(*st)} : FileId();
  }
};

std::string shown_name(const schema::AcIdentifier& name, const schema::Labels& labels) {
  const std::string* version = labels.find("version");
  return version == nullptr || version->empty() ? name.str() : name.str() + ":" + *version;
}

// The pod manifest names its images; one that was written by hand may not, then the image's manifest does.
std::optional<std::string> image_name(const sys::DirFd& pod, const schema::RuntimeApp& app) {
  if (app.image.name) return shown_name(*app.image.name, app.image.labels);
  const auto text = sys::read_file(pod, paths::app_image_manifest(app.name.str()));
  if (!text) return std::nullopt;
  const auto manifest = codec::parse_image_manifest(*text);
  if (!manifest) return std::nullopt;
  return shown_name(manifest->name, manifest->labels);
}

// What the mounts of one app are made from.
struct MountSources {
  const std::string& pod_path;
  const schema::PodManifest& manifest;
  const schema::RuntimeApp& app;
};

MountInfo mount_info(const MountSources& from, const schema::Volume& volume, const std::string& path,
                     const schema::MountPoint* point) {
  return {.name = volume.name.str(),
          .container_path = path,
          .host_path = volume.kind == schema::VolumeKind::kHost
                           ? volume.source
                           : from.pod_path + "/" + paths::kSharedVolumes + "/" + volume.name.str(),
          .read_only = volume.read_only.value_or(point != nullptr && point->read_only)};
}

// A mount point for which nobody gave a volume gets an empty one of this name (stage1 makes it).
MountInfo implicit_mount(const MountSources& from, const schema::MountPoint& point) {
  const std::string name = from.app.name.str() + "-" + point.name.str();
  return {.name = name,
          .container_path = point.path,
          .host_path = from.pod_path + "/" + paths::kSharedVolumes + "/" + name,
          .read_only = point.read_only};
}

std::vector<MountInfo> mounts_of(const MountSources& from) {
  static const std::vector<schema::MountPoint> kNone;
  const auto& points = from.app.app ? from.app.app->mount_points : kNone;
  std::vector<MountInfo> mounts;
  for (const schema::Mount& mount : from.app.mounts) {
    const auto point = std::ranges::find(points, mount.path, &schema::MountPoint::path);
    const schema::Volume* volume =
        mount.app_volume ? &*mount.app_volume : schema::find_volume(from.manifest, mount.volume.str());
    if (volume != nullptr)
      mounts.push_back(mount_info(from, *volume, mount.path, point == points.end() ? nullptr : &*point));
  }
  for (const schema::MountPoint& point : points) {
    if (std::ranges::find(mounts, point.path, &MountInfo::container_path) != mounts.end()) continue;
    const schema::Volume* volume = schema::find_volume(from.manifest, point.name.str());
    mounts.push_back(volume == nullptr ? implicit_mount(from, point)
                                       : mount_info(from, *volume, point.path, &point));
  }
  return mounts;
}

std::map<std::string, std::string> copy_map(const schema::StringMap& from) {
  return {from.begin(), from.end()};
}

// Reads one pod; what goes wrong ends up in info.problems.
class Reader {
 public:
  Reader(const Pod& pod, PodInfo& info, const PodInfoOptions& options)
      : pod_(pod), info_(info), options_(options), facts_(facts_of(info.state)) {}

  void read() {
    info_.created_at = time_of(pod_.dir(), {paths::kCreated, paths::kManifest});
    if (facts_.has_started) info_.started_at = time_of(pod_.dir(), {paths::kPid, paths::kPpid});
    struct stat st{};
    if (facts_.marked && ::fstat(pod_.dir().get(), &st) == 0) info_.marked_at = sys::ctime_of(st);
    note(read_name());
    note(read_manifest());
    if (options_.networks && facts_.has_started) note(read_networks());
  }

 private:
  void note(Result<> result) {
    if (!result)
      info_.problems.push_back(std::move(result).error().with_context("pod '" + info_.uuid.str() + "'"));
  }

  Result<> read_name() {
    info_.name = TRY(read_pod_name(pod_.dir()));
    return {};
  }

  // The apps of a mutable pod may change while they are looked at: then the look is repeated.
  Result<> read_manifest() {
    constexpr int kTries = 5;
    const auto problems_before = static_cast<std::ptrdiff_t>(info_.problems.size());
    for (int i = 0;; ++i) {
      const auto before = FileId::of(pod_.dir(), paths::kManifest);
      TRY(read_manifest_once());
      if (!info_.is_mutable || i == kTries || before == FileId::of(pod_.dir(), paths::kManifest)) return {};
      info_.apps.clear();
      info_.problems.erase(info_.problems.begin() + problems_before, info_.problems.end());
    }
  }

  Result<> read_manifest_once() {
    const auto text = sys::read_file(pod_.dir(), paths::kManifest);
    if (!text && text.error().sys_errno() == ENOENT && !facts_.has_manifest) return {};
    if (!text) return std::unexpected(text.error());
    const auto manifest = TRY(codec::parse_pod_manifest(*text));
    info_.has_manifest = true;
    info_.is_mutable = is_mutable_pod(manifest);
    info_.user_annotations = copy_map(manifest.user_annotations);
    info_.user_labels = copy_map(manifest.user_labels);
    const bool has_mounts = std::ranges::any_of(manifest.apps, [](const schema::RuntimeApp& app) {
      return !app.mounts.empty() || (app.app && !app.app->mount_points.empty());
    });
    // The path is only needed for volumes inside the pod, and asking for it costs as much as reading a file.
    const std::string pod_path = has_mounts ? TRY(sys::path_of_fd(pod_.dir().get())) : "";
    const auto status_root = open_status_root(pod_.dir());
    for (const schema::RuntimeApp& app : manifest.apps)
      info_.apps.push_back(read_app(manifest, app, pod_path, status_root));
    return {};
  }

  AppInfo read_app(const schema::PodManifest& manifest, const schema::RuntimeApp& app,
                   const std::string& pod_path, const Result<sys::DirFd>& status_root) {
    AppInfo info;
    info.name = app.name.str();
    info.image_id = app.image.id.str();
    if (options_.image_names) info.image_name = image_name(pod_.dir(), app);
    info.mounts = mounts_of({pod_path, manifest, app});
    if (app.app) {
      info.user_annotations = copy_map(app.app->user_annotations);
      info.user_labels = copy_map(app.app->user_labels);
    }
    info.state = facts_.apps;
    if (info_.is_mutable) {
      info.created_at = time_of(pod_.dir(), {paths::app_image_manifest(info.name).c_str()});
      if (info.state == AppState::kRunning) info.state = AppState::kCreated;
      if (facts_.has_started && status_root) note(read_course(*status_root, info));
      return info;
    }
    info.created_at = info_.created_at;
    info.started_at = info_.started_at;
    if (facts_.has_started && status_root) note(read_exit(*status_root, info));
    if (info.state == AppState::kExited && !info.finished_at) info.finished_at = info_.marked_at;
    return info;
  }

  // An app of a mutable pod: it is started when somebody asks for it, ends, and is started again. What tells
  // of one end or start is in two files, so they are read until they have not changed meanwhile.
  static Result<> read_course(const sys::DirFd& status_root, AppInfo& app) {
    constexpr int kTries = 5;
    const std::string status = paths::app_status(app.name);
    const std::string life = paths::app_life(app.name);
    std::optional<int> code;
    for (int i = 0; i < kTries; ++i) {
      const auto before = std::pair(FileId::of(status_root, status), FileId::of(status_root, life));
      app.life = TRY(contract::read_app_life(status_root, app.name));
      code = TRY(contract::read_app_status(status_root, app.name));
      app.oom_kills = TRY(contract::read_oom_kills(status_root, app.name));
      if (before == std::pair(FileId::of(status_root, status), FileId::of(status_root, life))) break;
    }
    if (app.life) app.started_at = app.life->started_at;
    // Without an exit code, an app that has been started still runs.
    if (app.state == AppState::kCreated && app.started_at) app.state = AppState::kRunning;
    if (!code) return {};
    app.exit_code = code;
    app.state = AppState::kExited;
    app.finished_at = app.life ? app.life->last_exit_at : time_of(status_root, {status.c_str()});
    return {};
  }

  static Result<> read_exit(const sys::DirFd& status_root, AppInfo& app) {
    app.life = TRY(contract::read_app_life(status_root, app.name));
    if (app.life && app.life->started_at) app.started_at = app.life->started_at;
    app.exit_code = TRY(contract::read_app_status(status_root, app.name));
    app.oom_kills = TRY(contract::read_oom_kills(status_root, app.name));
    if (!app.exit_code) return {};
    app.state = AppState::kExited;
    app.finished_at = time_of(status_root, {paths::app_status(app.name).c_str()});
    return {};
  }

  Result<> read_networks() {
    const auto text = sys::read_file(pod_.dir(), paths::kNetInfo);
    if (!text && text.error().sys_errno() == ENOENT) return {};
    if (!text) return std::unexpected(text.error());
    const auto json = TRY_CTX(json_text::parse(*text), "file '{}'", paths::kNetInfo);
    JsonProblems problems(paths::kNetInfo);
    JsonNode(json, problems).each([&](const JsonNode& node) {
      const auto member = [&](std::string_view key) {
        const auto value = node.find(key);
        return value ? value->as_string().value_or("") : std::string();
      };
      std::vector<std::string> addresses;
      if (const auto ips = node.find("ips"))
        ips->each([&](const JsonNode& ip) { addresses.push_back(ip.as_string().value_or("")); });
      info_.networks.push_back({.net_name = member("netName"),
                                .net_conf = member("netConf"),
                                .plugin_path = member("pluginPath"),
                                .if_name = member("ifName"),
                                .ip = member("ip"),
                                .args = member("args"),
                                .mask = member("mask"),
                                .addresses = std::move(addresses)});
    });
    return problems.to_result();
  }

  const Pod& pod_;
  PodInfo& info_;
  const PodInfoOptions& options_;
  const StateFacts& facts_;
};

}  // namespace

std::string_view name_of(AppState state) { return row_for(kAppStates, state).name; }

Result<PodInfo> read_pod_info(Pod& pod, const PodInfoOptions& options) {
  PodInfo info(pod.uuid());
  info.state = TRY(pod.state());
  Reader(pod, info, options).read();
  return info;
}

Result<AppInfo> app_info_of(const PodInfo& pod, std::string_view app) {
  const auto found = std::ranges::find(pod.apps, app, &AppInfo::name);
  if (found != pod.apps.end()) return *found;
  // Perhaps it could only not be read.
  if (!pod.problems.empty()) return std::unexpected(pod.problems.front());
  std::vector<std::string> names;
  for (const AppInfo& one : pod.apps) names.push_back(one.name);
  return std::unexpected(no_such_app(app, names));
}

Result<std::map<std::string, int>> read_exit_codes(const Pod& pod) {
  const auto manifest = TRY(codec::parse_pod_manifest(TRY(sys::read_file(pod.dir(), paths::kManifest))));
  const sys::DirFd root = TRY(open_status_root(pod.dir()));
  std::map<std::string, int> codes;
  for (const schema::RuntimeApp& app : manifest.apps)
    if (const auto code = TRY(contract::read_app_status(root, app.name.str())))
      codes.emplace(app.name.str(), *code);
  return codes;
}

}  // namespace agena::stage0
