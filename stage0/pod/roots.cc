#include "stage0/pod/roots.h"

#include <algorithm>
#include <optional>

#include "common/base/trace.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"
#include "common/sys/rlimit.h"
#include "common/sys/user_namespace.h"
#include "stage0/tree/copy_tree.h"
#include "stage0/tree/layers_file.h"
#include "stage0/tree/overlay_root.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

// Stands for the layers of an image that has none: overlays need a lower directory.
constexpr const char* kNoLayers = "overlay/empty";

Result<std::vector<sys::DirFd>> open_root_layers(const Store& store, const sys::DirFd& pod,
                                                 std::span<const LayerKey> layers) {
  auto open = TRY(open_layers(store, layers));
  if (open.empty()) {
    TRY(sys::make_dirs(pod, kNoLayers));
    open.push_back(TRY(sys::open_dir(pod, kNoLayers)));
  }
  return open;
}

Result<> copy_root(const Store& store, const sys::DirFd& pod, const RootSource& root,
                   const sys::DirFd& target, const PodUsers* users) {
  const auto open = TRY(open_root_layers(store, pod, root.layers));
  const std::size_t attributes = TRY(root_attributes_layer(store, root.layers, open));
  if (users == nullptr) return copy_layers(open, open[attributes], target);
  // Owners, access lists and file capabilities come out of the mapped layers as they have to be in the copy.
  const MappedLayers mapped = TRY(MappedLayers::make(open, *users));
  auto copied = copy_layers(mapped.open(), mapped.open()[attributes], target, {&users->ids});
  if (copied || copied.error().kind() != ErrorKind::kPermission) return copied;
  return std::unexpected(
      std::move(copied.error())
          .with_hint(fmt::format("files of users and groups from {} on have no owner in a user "
                                 "namespace and cannot be copied",
                                 users->ids.count)));
}

Result<> write_stage1_facts(const sys::DirFd& pod, const RootSource& stage1) {
  TRY(sys::make_dir(pod, paths::kStage1));
  TRY(sys::write_file(pod, paths::kStage1TreeId, stage1.chain_id));
  TRY(sys::write_file(pod, paths::kStage1Manifest, stage1.manifest));
  return sys::make_dir(pod, paths::kAppsInfo);
}

Result<> write_app_facts(const sys::DirFd& pod, const AppSource& app) {
  TRY(sys::make_dir(pod, paths::app_info(app.name)));
  return sys::write_file(pod, paths::app_image_manifest(app.name), app.root.manifest);
}

// The places below the stage1 root that stage0 answers for.
Result<> make_stage1_places(const sys::DirFd& root, const PodSources& sources, const PodUsers* users) {
  std::optional<sys::FileOwner> owner;
  if (users != nullptr) owner.emplace(TRY(sys::FileOwner::become(users->ids)));
  (void)TRY(sys::make_dirs_in_root(root, paths::kStatusDir));
  for (const AppSource& app : sources.apps) TRY(make_app_place(root, app));
  return {};
}

struct OverlayPaths {
  std::string layers;
  std::string upper;
  std::string work;
};

Result<> prepare_overlay(const Store& store, const sys::DirFd& pod, const RootSource& root,
                         const OverlayPaths& where, const PodUsers* users) {
  TRY(write_layers_file(pod, where.layers, root.layers));
  const auto open = TRY(open_root_layers(store, pod, root.layers));
  const std::size_t attributes = TRY(root_attributes_layer(store, root.layers, open));
  if (users == nullptr) return make_upper(open[attributes], pod, where.upper, where.work);
  const MappedLayers mapped = TRY(MappedLayers::make(std::span(&open[attributes], 1), *users));
  return make_upper(mapped.open()[0], pod, where.upper, where.work, {&users->ids});
}

// What an overlay of the pod is mounted of, opened.
struct OpenOverlay {
  std::vector<sys::DirFd> layers;
  sys::DirFd upper;
  sys::DirFd work;

  OverlayRoot root(const std::string& selinux_context) const {
    // A running pod does not outlive the machine, so its writes need not be synced.
    return {.layers = layers,
            .upper = &upper,
            .work = &work,
            .is_volatile = true,
            .selinux_context = selinux_context};
  }
};

Result<OpenOverlay> open_overlay(const Store& store, const sys::DirFd& pod, const OverlayPaths& from) {
  return OpenOverlay{.layers = TRY(open_root_layers(store, pod, TRY(read_layers_file(pod, from.layers)))),
                     .upper = TRY(sys::open_dir(pod, from.upper)),
                     .work = TRY(sys::open_dir(pod, from.work))};
}

Result<> mount_root(const Store& store, const sys::DirFd& pod, const OverlayPaths& from,
                    const std::string& selinux_context, const sys::DirFd& target, const PodUsers* users) {
  // Up to kMaxOverlayLayers layers, each opened and, for a user namespace, mounted and opened again.
  const sys::RaisedFileLimit many_files;
  const OpenOverlay open = TRY(open_overlay(store, pod, from));
  const OverlayRoot root = open.root(selinux_context);
  if (users == nullptr) return mount_overlay_root(root, target);
  return mount_mapped_root(root, TRY(MappedLayers::make(open.layers, *users)), target);
}

OverlayPaths stage1_paths() { return {paths::kStage1Layers, paths::kStage1Upper, paths::kStage1Work}; }

OverlayPaths app_paths(const std::string& app) {
  return {paths::app_layers(app), paths::app_upper(app), paths::app_work(app)};
}

}  // namespace

std::vector<LayerKey> all_layers(const PodSources& sources) {
  std::vector<LayerKey> all = sources.stage1.layers;
  for (const AppSource& app : sources.apps) std::ranges::copy(app.root.layers, std::back_inserter(all));
  std::ranges::sort(all);
  const auto [first, last] = std::ranges::unique(all);
  all.erase(first, last);
  return all;
}

Result<> prepare_overlay_roots(const Store& store, const sys::DirFd& pod, const PodSources& sources,
                               const PodUsers* users) {
  TRY(write_stage1_facts(pod, sources.stage1));
  TRY_CTX(prepare_overlay(store, pod, sources.stage1, stage1_paths(), users), "preparing the stage1 root");
  TRY(sys::make_dir(pod, paths::kStage1Root));
  TRY(make_stage1_places(TRY(sys::open_dir(pod, paths::kStage1Upper)), sources, users));
  for (const AppSource& app : sources.apps) TRY(prepare_app_overlay(store, pod, app, users));
  return sys::write_file(pod, paths::kOverlayPrepared, "");
}

Result<> prepare_app_overlay(const Store& store, const sys::DirFd& pod, const AppSource& app,
                             const PodUsers* users) {
  const trace::Scope scope("prepare app", app.name);
  TRY(write_app_facts(pod, app));
  TRY(sys::write_file(pod, paths::app_tree_id(app.name), app.root.chain_id));
  TRY_CTX(prepare_overlay(store, pod, app.root, app_paths(app.name), users), "preparing app '{}'", app.name);
  return {};
}

Result<> prepare_copied_roots(const Store& store, const sys::DirFd& pod, const PodSources& sources,
                              const PodUsers* users) {
  TRY(write_stage1_facts(pod, sources.stage1));
  TRY(sys::make_dir(pod, paths::kStage1Root));
  const sys::DirFd root = TRY(sys::open_dir(pod, paths::kStage1Root));
  TRY_CTX(copy_root(store, pod, sources.stage1, root, users), "copying stage1");
  TRY(make_stage1_places(root, sources, users));
  for (const AppSource& app : sources.apps) TRY(prepare_app_copy(store, pod, app, users));
  return {};
}

Result<> prepare_app_copy(const Store& store, const sys::DirFd& pod, const AppSource& app,
                          const PodUsers* users) {
  const trace::Scope scope("copy app", app.name);
  TRY(write_app_facts(pod, app));
  const sys::DirFd root = TRY(sys::open_dir(pod, paths::kStage1Root));
  const sys::DirFd target = TRY(sys::open_dir_in_root(root, paths::app_root_in_stage1(app.name)));
  TRY_CTX(copy_root(store, pod, app.root, target, users), "copying the root of app '{}'", app.name);
  return {};
}

Result<> make_app_place(const sys::DirFd& stage1_root, const AppSource& app) {
  const sys::DirFd app_dir =
      TRY(sys::make_dirs_in_root(stage1_root, std::string(paths::kStage2Dir) + "/" + app.name));
  TRY(sys::write_file(app_dir, "manifest", app.root.manifest));
  return sys::make_dir(app_dir, "rootfs");
}

Result<sys::UniqueFd> make_app_root(const Store& store, const sys::DirFd& pod, const std::string& app,
                                    const std::string& selinux_context, const PodUsers* users) {
  const OpenOverlay open = TRY(open_overlay(store, pod, app_paths(app)));
  const OverlayRoot root = open.root(selinux_context);
  if (users == nullptr) return make_overlay_root(root);
  return make_mapped_root(root, TRY(MappedLayers::make(open.layers, *users)));
}

Result<> mount_app_root(const Store& store, const sys::DirFd& pod, const std::string& app,
                        const std::string& selinux_context, const PodUsers* users, const sys::DirFd& target) {
  return mount_root(store, pod, app_paths(app), selinux_context, target, users);
}

Result<> mount_roots(const Store& store, const sys::DirFd& pod, const std::vector<std::string>& apps,
                     const std::string& selinux_context, const PodUsers* users) {
  if (!TRY(sys::exists(pod, paths::kOverlayPrepared))) return {};
  {
    const trace::Scope scope("mount the root of stage1");
    TRY_CTX(mount_root(store, pod, stage1_paths(), selinux_context,
                       TRY(sys::open_dir(pod, paths::kStage1Root)), users),
            "mounting the stage1 root");
  }
  // Opened anew: the path leads into the mount now.
  const sys::DirFd root = TRY(sys::open_dir(pod, paths::kStage1Root));
  for (const std::string& app : apps) {
    const trace::Scope scope("mount the root of app", app);
    const sys::DirFd target = TRY(sys::open_dir_in_root(root, paths::app_root_in_stage1(app)));
    TRY_CTX(mount_app_root(store, pod, app, selinux_context, users, target), "mounting the root of app '{}'",
            app);
  }
  return {};
}

Result<> link_mtab(const sys::DirFd& stage1_root, const std::vector<std::string>& apps) {
  for (const std::string& app : apps) {
    const sys::DirFd root = TRY(sys::open_dir_in_root(stage1_root, paths::app_root_in_stage1(app)));
    TRY_CTX(link_mtab_in(root), "app '{}'", app);
  }
  return {};
}

Result<> link_mtab_in(sys::DirRef app_root) {
  const auto etc = sys::open_dir_in_root(app_root, "etc");
  if (!etc || TRY(sys::exists(*etc, "mtab"))) return {};
  return sys::make_symlink("../proc/self/mounts", *etc, "mtab");
}

}  // namespace agena::stage0
