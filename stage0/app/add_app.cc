// `app add`: from an image to an app of a running pod.
#include <unistd.h>

#include <optional>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/user_namespace.h"
#include "stage0/app/apps.h"
#include "stage0/app/manifest_change.h"
#include "stage0/app/manifest_edit.h"
#include "stage0/app/root_maker.h"
#include "stage0/image/reference.h"
#include "stage0/pod/app_builder.h"
#include "stage0/pod/image_choice.h"
#include "stage0/pod/image_isolators.h"
#include "stage0/pod/roots.h"
#include "stage0/pod/selinux.h"
#include "stage0/pod/volume_checks.h"
#include "stage0/store/store.h"
#include "stage0/tree/layers_file.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

// For taking back what has been done when the operation's own time may have passed.
constexpr Nanoseconds kUndoTimeout = 10 * kSecond;

// Interface version of stage1 images that forward the ports of an app that is added.
constexpr int kPortsSince = 8;

// What is added.
struct Addition {
  const AddAppRequest& request;
  Store& store;
  ImageRecord image;
};

// Checks that need neither image nor lock.
Result<> check_pod(AppPod& pod, const AddAppRequest& request) {
  TRY(pod.stage1().path_of(contract::Entrypoint::kAppAdd));
  if (!TRY(pod.running()))
    return fail(ErrorKind::kInvalidInput, "pod \"{}\" has ended; apps are added to running pods",
                pod.pod().uuid().str());
  if (!request.ports.empty() && pod.stage1().interface_version() < kPortsSince)
    return fail(ErrorKind::kUnsupported,
                "the stage1 of pod \"{}\" cannot forward ports to apps that are added",
                pod.pod().uuid().str());
  for (const VolumeRequest& volume : request.volumes)
    if (volume.propagation == schema::Propagation::kShared)
      return fail(
          ErrorKind::kUnsupported,
          "volume '{}': a running pod gets no volumes with propagation=shared; slave shows the host's "
          "mounts in the app",
          volume.name);
  return check_volumes(request.volumes, pod.users().has_value());
}

Result<schema::RuntimeApp> build(const Addition& addition, const Engine& engine,
                                 const schema::PodManifest& manifest, std::vector<std::string>& warnings) {
  const CallerFacts caller{.environment = {}, .uid = ::getuid(), .gid = ::getgid()};
  const AppRequest& request = addition.request.app;
  const ImageRecord allowed =
      TRY(with_allowed_isolators(addition.image, request, engine, addition.request.insecure));
  auto app = TRY(build_app(request, allowed, caller));
  TRY(merge_mounts({}, app));
  TRY(add_app_volumes(addition.request.volumes, manifest, app, warnings));
  return app;
}

ImageSources sources_of(const AddAppRequest& request) { return {.insecure = request.insecure}; }

// Writes the references that keep the layers from being swept; if the image was removed and swept since it
// was found, it is found again under the lock (and imported, if it is a file).
Result<AppSource> secure_layers(const AppPod& pod, Addition& addition, const schema::PodManifest& manifest,
                                const std::string& name) {
  const auto lock = TRY(addition.store.lock_prepare_at_most(sys::LockMode::kShared, pod.left()));
  AppSource source{name, TRY(root_source(addition.image))};
  if (!TRY(all_present(addition.store, source.root.layers))) {
    const std::string id = addition.image.id;
    addition.image =
        TRY(find_app_image(addition.store, pod.engine(), addition.request.app, sources_of(addition.request)));
    if (addition.image.id != id)
      return fail(ErrorKind::kBusy, "the image was replaced while the app was being added");
    source.root = TRY(root_source(addition.image));
  }
  std::vector<LayerKey> layers = TRY(layers_of(pod, manifest));
  layers.insert(layers.end(), source.root.layers.begin(), source.root.layers.end());
  TRY(replace_layers_file(pod.dir(), paths::kLayers, layers));
  return source;
}

std::optional<sys::FileOwner> no_owner() { return std::nullopt; }

// The directories where the app's root will be, made as the pod's root sees them.
Result<> make_place(AppPod& pod, const AppSource& source) {
  const auto make = [&](const sys::DirFd& root) -> Result<> {
    auto owner = no_owner();
    if (pod.users()) owner.emplace(TRY(sys::FileOwner::become(*pod.users())));
    return make_app_place(root, source);
  };
  if (pod.overlay()) return TRY(pod.root()).inside(make);
  return make(TRY(sys::open_dir(pod.dir(), paths::kStage1Root)));
}

Result<> link_mtab_as_pod(const AppPod& pod, sys::DirRef root) {
  auto owner = no_owner();
  if (pod.users()) owner.emplace(TRY(sys::FileOwner::become(*pod.users())));
  return link_mtab_in(root);
}

// Makes the app's root, and attaches it where the pod sees it.
Result<> make_root(AppPod& pod, const Store& store, const AppSource& source) {
  std::optional<PodUsers> users;
  if (pod.users()) users = TRY(PodUsers::of(*pod.users()));
  const PodUsers* of_pod = users ? &*users : nullptr;
  TRY(make_place(pod, source));
  if (!pod.overlay()) {
    TRY(prepare_app_copy(store, pod.dir(), source, of_pod));
    return link_mtab_as_pod(pod, TRY(sys::open_dir(pod.dir(), paths::app_root(source.name))));
  }
  TRY(prepare_app_overlay(store, pod.dir(), source, of_pod));
  const RootMaker maker{.data_dir = pod.engine().data_dir,
                        .store = store,
                        .pod = pod.dir(),
                        .users = of_pod,
                        .selinux_context = TRY(read_labels(pod.dir())).mount};
  const sys::UniqueFd mount = TRY_CTX(maker.make(source.name), "mounting the root of app '{}'", source.name);
  TRY_CTX(link_mtab_as_pod(pod, sys::DirRef(mount.get())), "app '{}'", source.name);
  const PodRoot root = TRY(pod.root());
  if (!pod.users()) return root.attach(source.name, mount);
  const std::string scratch = TRY(sys::path_of_fd(pod.dir().get())) + "/" + app_directory(source.name);
  TRY_CTX(root.attach_locked(source.name, mount, scratch), "attaching the root of app '{}'", source.name);
  return {};
}

// Tells stage1, which either reads the candidate, or the manifest itself.
Result<> tell_stage1(AppPod& pod, const std::string& app) {
  std::map<std::string, std::string, std::less<>> options = {{"uuid", pod.pod().uuid().str()}};
  if (pod.reads_candidates())
    options.emplace("manifest", paths::kNextManifest);
  else
    TRY(commit_on_trial(pod));
  return pod.call(contract::Entrypoint::kAppAdd, app, options);
}

Result<> put_in(AppPod& pod, Addition& addition, const ManifestChange& change,
                const schema::PodManifest& next, const std::string& app) {
  // First, since it tells that there may be more.
  TRY(sys::make_dir(pod.dir(), paths::app_info(app)));
  const AppSource source = TRY(secure_layers(pod, addition, change.manifest, app));
  TRY(make_root(pod, addition.store, source));
  TRY(write_candidate(pod, next));
  TRY(tell_stage1(pod, app));
  // Copies need no layers any more.
  if (!pod.overlay()) TRY(replace_layers_file(pod.dir(), paths::kLayers, {}));
  return pod.reads_candidates() ? commit_candidate(pod) : keep_trial(pod);
}

// Takes back what an addition has done; what fails of that is left to the next change.
void take_back(AppPod& pod, const ManifestChange& change, const std::string& app) {
  const auto undo = [&]() -> Result<> {
    pod.set_timeout(kUndoTimeout);
    TRY(undo_candidate(pod));
    TRY(clear_app(pod, app));
    return settle(pod, change.manifest);
  };
  if (const auto undone = undo(); !undone)
    log::debug("taking back what was done for app '{}': {}", app, undone.error().to_string());
}

Result<std::string> add(AppPod& pod, Addition& addition) {
  TRY(pod.wait_ready());
  ManifestChange change = TRY(ManifestChange::begin(pod));
  std::vector<std::string> warnings;
  auto app = TRY_CTX(build(addition, pod.engine(), change.manifest, warnings), "image '{}'",
                     printable(addition.request.app.image));
  const std::string name = app.name.str();
  const schema::PodManifest next =
      TRY(with_ports(TRY(with_app(change.manifest, std::move(app))), name, addition.request.ports));
  auto done = put_in(pod, addition, change, next, name);
  if (!done) {
    take_back(pod, change, name);
    return std::unexpected(std::move(done).error());
  }
  for (std::string& warning : warnings) pod.warn(std::move(warning));
  tell_metadata_service(pod);
  return name;
}

}  // namespace

Result<AppOutcome> add_app(const Engine& engine, const AddAppRequest& request) {
  const Pods pods = TRY(Pods::open(engine.data_dir));
  AppPod pod = TRY(AppPod::open(engine, pods, request.operation));
  TRY(check_pod(pod, request));
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadWrite));
  Addition addition{request, store,
                    TRY_CTX(find_app_image(store, engine, request.app, sources_of(request)), "image '{}'",
                            shown_reference(request.app.image))};
  // From here on there is only waiting for others.
  pod.set_timeout(request.operation.timeout.value_or(kAppOperationTimeout));
  AppOutcome outcome{.app = TRY_CTX(add(pod, addition), "adding to pod '{}'", pod.pod().uuid().str()),
                     .warnings = {}};
  if (const auto noted = store.touch_last_used(addition.image.id); !noted)
    log::debug("noting the use of image '{}': {}", addition.image.id, noted.error().to_string());
  outcome.warnings = pod.take_warnings();
  return outcome;
}

}  // namespace agena::stage0
