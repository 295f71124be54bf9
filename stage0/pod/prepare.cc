#include "stage0/pod/prepare.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "manifests/codec/pod_manifest.h"
#include "stage0/pod/image_choice.h"
#include "stage0/pod/mutable_pod.h"
#include "stage0/pod/pod_name.h"
#include "stage0/pod/prepare_steps.h"
#include "stage0/pod/private_users.h"
#include "stage0/stage1_client/stage1_manifest.h"
#include "stage0/store/data_dir.h"
#include "stage0/tree/layers_file.h"
#include "stage0/tree/overlay_root.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

constexpr mode_t kManifestMode = 0640;
constexpr mode_t kManifestLockMode = 0600;

// Writes the references that keep the layers from being swept. Images are found without a lock, since
// fetching may take long; if one was removed and swept since, it is found again.
Result<PodSources> secure_layers(Store& store, const Engine& engine, const PrepareRequest& request,
                                 const sys::DirFd& pod, ImageChoice& choice) {
  constexpr int kAttempts = 3;
  for (int attempt = 1;; ++attempt) {
    auto sources = TRY(sources_of(choice));
    {
      const auto lock = TRY(store.lock_prepare(sys::LockMode::kShared));
      // Of an image that is incomplete for good the opening of its layers tells.
      if (attempt == kAttempts || TRY(all_present(store, all_layers(sources)))) {
        TRY(write_layers_file(pod, paths::kLayers, all_layers(sources)));
        return sources;
      }
    }
    choice = TRY(choose_images(store, engine, request));
  }
}

Result<bool> choose_overlay(const PrepareRequest& request, const sys::DirFd& pod,
                            std::vector<std::string>& warnings) {
  if (request.no_overlay) return false;
  const auto usable = check_overlay_usable(pod);
  if (usable) return true;
  if (usable.error().kind() != ErrorKind::kUnsupported) return std::unexpected(usable.error());
  warnings.push_back(fmt::format("disabling overlay support: \"{}\"", usable.error().to_string()));
  return false;
}

Result<> write_roots(const Store& store, const sys::DirFd& pod, const PodSources& sources, bool overlay,
                     const PodUsers* users) {
  if (overlay) return prepare_overlay_roots(store, pod, sources, users);
  TRY(prepare_copied_roots(store, pod, sources, users));
  // Copies need no layers any more.
  return write_layers_file(pod, paths::kLayers, {});
}

Result<> write_pod_files(const sys::DirFd& pod, const schema::PodManifest& manifest) {
  TRY(sys::replace_file(pod, paths::kManifest, TRY(codec::write_pod_manifest(manifest)), kManifestMode));
  TRY(sys::write_file(pod, paths::kManifestLock, "", kManifestLockMode));
  return sys::write_file(pod, paths::kCreated, "");
}

void note_use(const Store& store, const ImageChoice& choice) {
  const auto note = [&](const ImageRecord& image) {
    if (const auto noted = store.touch_last_used(image.id); !noted)
      log::debug("noting the use of image '{}': {}", image.id, noted.error().to_string());
  };
  note(choice.stage1);
  for (const ImageRecord& image : choice.apps) note(image);
}

Result<std::optional<PodUsers>> choose_users(const Engine& engine, const Pods& pods,
                                             const PrepareRequest& request, const Pod& pod) {
  if (!request.private_users) return std::optional<PodUsers>();
  return std::optional(TRY(PodUsers::of(TRY(assign_private_users(engine.data_dir, pods, pod)))));
}

// A volume that no app mounts is a forgotten --mount more often than not.
void warn_of_idle_volumes(const ImageChoice& choice, std::vector<std::string>& warnings) {
  for (const schema::Volume& volume : choice.manifest.volumes) {
    const bool used = std::ranges::any_of(choice.manifest.apps, [&](const schema::RuntimeApp& app) {
      const auto& image_app =
          choice.apps[static_cast<std::size_t>(&app - choice.manifest.apps.data())].manifest.app;
      const auto& points = app.app     ? app.app->mount_points
                           : image_app ? image_app->mount_points
                                       : std::vector<schema::MountPoint>();
      return std::ranges::find(app.mounts, volume.name, &schema::Mount::volume) != app.mounts.end() ||
             std::ranges::find(points, volume.name, &schema::MountPoint::name) != points.end();
    });
    if (!used)
      warnings.push_back(fmt::format(
          "volume '{0}' is mounted nowhere: --mount=volume={0},target=PATH mounts it", volume.name.str()));
  }
}

Result<> fill_directory(Store& store, const Engine& engine, const Pods& pods, const PrepareRequest& request,
                        ImageChoice& choice, Preparation& preparation) {
  const sys::DirFd& pod = preparation.pod.dir();
  const bool overlay = TRY(choose_overlay(request, pod, preparation.warnings));
  const auto sources = TRY(secure_layers(store, engine, request, pod, choice));
  if (!request.is_mutable) warn_of_idle_volumes(choice, preparation.warnings);
  const auto users = TRY_CTX(choose_users(engine, pods, request, preparation.pod), "--private-users");
  TRY(write_roots(store, pod, sources, overlay, users ? &*users : nullptr));
  TRY(write_pod_files(pod, choice.manifest));
  return {};
}

}  // namespace

Result<Preparation> prepare_directory(const Engine& engine, const Pods& pods, const PrepareRequest& request,
                                      const std::string& uuid_file, PhaseTimer& times) {
  // Before anything is fetched; what counts is the taking.
  if (!request.name.empty()) TRY(check_name_free(pods, request.name));
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadWrite));
  times.end_phase("store");
  ImageChoice choice = TRY(choose_images(store, engine, request));
  note_use(store, choice);
  // A wrong image is refused before there is a pod.
  TRY(Stage1Manifest::of(choice.stage1.manifest));
  if (is_mutable_pod(choice.manifest)) TRY(check_can_be_mutable(choice.stage1.manifest));
  times.end_phase("resolve");

  Preparation preparation{.pod = TRY(Pod::create(pods)), .warnings = {}};
  const std::string& uuid = preparation.pod.uuid().str();
  if (!request.name.empty()) TRY(take_pod_name(pods, preparation.pod, request.name));
  if (!uuid_file.empty()) TRY_CTX(sys::write_file(sys::at_cwd(), uuid_file, uuid), "saving the pod's UUID");
  TRY_CTX(fill_directory(store, engine, pods, request, choice, preparation), "preparing pod '{}'", uuid);
  times.end_phase("prepare");
  return preparation;
}

Result<PreparedPod> prepare_pod(const Engine& engine, const PrepareRequest& request) {
  PhaseTimer times(engine.start);
  TRY(make_data_dir(engine.data_dir, engine.group));
  const Pods pods = TRY(Pods::create(engine.data_dir));
  auto [pod, warnings] = TRY(prepare_directory(engine, pods, request, "", times));
  // One sync for all files, then the rename: what is in `prepared` is whole, whatever happens.
  TRY(sys::sync_file_system(pod.dir().get()));
  TRY(pod.move_to(PodDirectory::kPrepared, sys::Durability::kSync));
  times.end_phase("sync");
  log::debug("phases: {}", times.to_string());
  return PreparedPod{.uuid = pod.uuid(), .warnings = std::move(warnings)};
}

}  // namespace agena::stage0
