#include "stage0/app/manifest_change.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"
#include "manifests/codec/pod_manifest.h"
#include "stage0/app/manifest_edit.h"
#include "stage0/metadata/mds_client.h"
#include "stage0/pod/pod_files.h"
#include "stage0/tree/layers_file.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

constexpr mode_t kManifestMode = 0640;

// Names in a directory of the pod that need not be there.
Result<std::vector<std::string>> names_in(const sys::DirFd& pod, const char* directory) {
  auto names = sys::list_dir(pod, directory);
  if (!names && names.error().sys_errno() == ENOENT) return std::vector<std::string>();
  return names;
}

// Removes files and empty directories, so that nothing is lost that is mounted there.
Result<> remove_flat(const sys::DirFd& dir, const std::string& name) {
  const auto names = sys::list_dir(dir, name);
  if (!names && names.error().sys_errno() == ENOENT) return {};
  if (!names) return std::unexpected(names.error());
  for (const std::string& entry : *names) {
    const std::string path = name + "/" + entry;
    if (::unlinkat(dir.get(), path.c_str(), 0) != 0 && errno != EISDIR)
      return sys_fail("removing '{}'", path);
    if (::unlinkat(dir.get(), path.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
      return sys_fail("removing '{}'", path);
  }
  if (::unlinkat(dir.get(), name.c_str(), AT_REMOVEDIR) != 0) return sys_fail("removing '{}'", name);
  return {};
}

struct StatusFile {
  const char* directory;
  const char* suffix;
};
constexpr std::array kStatusFiles = {StatusFile{paths::kStatusDir, ""}, StatusFile{paths::kStatusDir, ".oom"},
                                     StatusFile{paths::kLifeDir, ""}, StatusFile{paths::kEnvDir, ""}};

// What the stage1 root has of an app. `whole_tree`: with the app's root, which is a copy; nothing may be
// mounted in it as this process sees it.
Result<> clear_stage1_root(const sys::DirFd& root, const std::string& app, bool whole_tree) {
  for (const StatusFile& file : kStatusFiles) {
    const auto dir = sys::open_dir_in_root(root, file.directory);
    if (dir) TRY(sys::remove_file(*dir, app + file.suffix));
  }
  const auto dir = sys::open_dir_in_root(root, paths::kStage2Dir);
  if (!dir) return {};
  return whole_tree ? sys::remove_tree(*dir, app) : remove_flat(*dir, app);
}

Result<> clear_inside(AppPod& pod, const std::string& app) {
  const auto told = pod.call(contract::Entrypoint::kAppRm, app);
  // An older stage1 need not take it well that it does not know the app.
  if (!told && pod.reads_candidates()) return told;
  if (!told) log::debug("removing what is left of app '{}': {}", app, told.error().to_string());
  const PodRoot root = TRY(pod.root());
  TRY(root.detach(app));
  // A copied root is removed from outside, where nothing is mounted in it.
  if (!pod.overlay()) return {};
  return root.inside([&](const sys::DirFd& dir) { return clear_stage1_root(dir, app, false); });
}

// While the pod runs, the upper directory of its stage1 root is the kernel's.
Result<> clear_outside(const AppPod& pod, const std::string& app, bool running) {
  if (!running || !pod.overlay())
    TRY(clear_stage1_root(TRY(open_status_root(pod.dir())), app, !pod.overlay()));
  const std::string upper = paths::app_upper(app);
  TRY(sys::remove_tree(pod.dir(), upper.substr(0, upper.rfind('/'))));
  // Last: it tells that there may be more.
  return sys::remove_tree(pod.dir(), paths::app_info(app));
}

Result<std::vector<std::string>> find_leftovers(const AppPod& pod, const schema::PodManifest& manifest) {
  return leftover_apps(manifest, TRY(names_in(pod.dir(), paths::kAppsInfo)),
                       TRY(names_in(pod.dir(), paths::kOverlay)));
}

}  // namespace

Result<ManifestChange> ManifestChange::begin(AppPod& pod) {
  sys::FileLock lock = TRY(pod.lock_manifest());
  TRY(undo_candidate(pod));
  ManifestChange change{std::move(lock), TRY(pod.read_manifest())};
  const std::vector<std::string> left = TRY(find_leftovers(pod, change.manifest));
  for (const std::string& app : left)
    TRY_CTX(clear_app(pod, app), "clearing what an interrupted operation has left of app '{}'", app);
  if (!left.empty()) TRY(settle(pod, change.manifest));
  return change;
}

Result<bool> has_remains(const AppPod& pod, const std::string& app) {
  if (!schema::AcName::parse(app)) return false;
  return sys::exists(pod.dir(), paths::app_info(app));
}

Result<> clear_app(AppPod& pod, const std::string& app) {
  bool running = TRY(pod.running());
  if (running) {
    auto cleared = clear_inside(pod, app);
    running = TRY(pod.running());
    // A pod that has ended meanwhile has nothing inside.
    if (!cleared && running) return cleared;
  }
  return clear_outside(pod, app, running);
}

Result<> settle(const AppPod& pod, const schema::PodManifest& manifest) {
  const auto volumes = TRY(names_in(pod.dir(), paths::kSharedVolumes));
  for (const std::string& volume : leftover_volumes(manifest, volumes))
    TRY(sys::remove_tree(pod.dir(), std::string(paths::kSharedVolumes) + "/" + volume));
  return replace_layers_file(pod.dir(), paths::kLayers, TRY(layers_of(pod, manifest)));
}

Result<std::vector<LayerKey>> layers_of(const AppPod& pod, const schema::PodManifest& manifest) {
  if (!pod.overlay()) return std::vector<LayerKey>();
  std::vector<LayerKey> all = TRY(read_layers_file(pod.dir(), paths::kStage1Layers));
  for (const schema::RuntimeApp& app : manifest.apps)
    std::ranges::copy(TRY(read_layers_file(pod.dir(), paths::app_layers(app.name.str()))),
                      std::back_inserter(all));
  std::ranges::sort(all);
  const auto [first, last] = std::ranges::unique(all);
  all.erase(first, last);
  return all;
}

Result<> write_candidate(const AppPod& pod, const schema::PodManifest& manifest) {
  return sys::replace_file(pod.dir(), paths::kNextManifest, TRY(codec::write_pod_manifest(manifest)),
                           kManifestMode);
}

Result<> commit_candidate(const AppPod& pod) {
  return sys::rename_at(pod.dir(), paths::kNextManifest, pod.dir(), paths::kManifest);
}

Result<> commit_on_trial(const AppPod& pod) {
  const int dir = pod.dir().get();
  if (::linkat(dir, paths::kManifest, dir, paths::kPreviousManifest, 0) != 0)
    return sys_fail("keeping the manifest");
  return commit_candidate(pod);
}

Result<> keep_trial(const AppPod& pod) { return sys::remove_file(pod.dir(), paths::kPreviousManifest); }

void tell_metadata_service(AppPod& pod) {
  const auto told = update_registration(pod.engine().metadata_socket, pod.pod().uuid(), pod.dir());
  if (!told) pod.warn(told.error().to_string());
}

Result<> undo_candidate(const AppPod& pod) {
  if (TRY(sys::exists(pod.dir(), paths::kPreviousManifest))) {
    TRY(sys::rename_at(pod.dir(), paths::kPreviousManifest, pod.dir(), paths::kManifest));
    // rename(2) leaves both names where they are one file: nothing was committed then.
    TRY(sys::remove_file(pod.dir(), paths::kPreviousManifest));
  }
  return sys::remove_file(pod.dir(), paths::kNextManifest);
}

}  // namespace agena::stage0
