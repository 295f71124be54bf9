#include "stage0/care/image_diff.h"

#include <algorithm>
#include <optional>

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/rlimit.h"
#include "stage0/pod/choose_app.h"
#include "stage0/tree/layers_file.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

// Layers of the store, opened and kept from sweeps: what is deleted while it is read would look like a
// difference.
struct OpenRoot {
  std::vector<LayerKey> keys;  // bottom first
  std::optional<Staging> hold;
  std::vector<sys::DirFd> trees;

  std::vector<TreeLayer> layers() const {
    std::vector<TreeLayer> all;
    for (std::size_t i = 0; i < keys.size(); ++i)
      all.push_back({.tree = &trees[i], .identity = keys[i].str()});
    return all;
  }
};

Result<OpenRoot> open_root(const Store& store, std::vector<LayerKey> keys) {
  OpenRoot root{.keys = std::move(keys), .hold = {}, .trees = {}};
  root.hold = TRY(store.hold_layers(root.keys));
  root.trees = TRY(open_layers(store, root.keys));
  return root;
}

std::vector<LayerKey> keys_of(const ImageRecord& image) {
  std::vector<LayerKey> keys;
  for (const LayerUse& layer : image.layers) keys.push_back(layer.key);
  return keys;
}

// The first id of a pod with a user namespace of its own: "SHIFT:COUNT".
Result<std::uint32_t> first_id_of(const sys::DirFd& pod) {
  const auto text = sys::read_file(pod, paths::kPrivateUsers);
  if (!text && text.error().kind() == ErrorKind::kNotFound) return 0;
  if (!text) return std::unexpected(text.error());
  return static_cast<std::uint32_t>(TRY(parse_uint(cut(trim(*text), ':').before, UINT32_MAX)));
}

Result<std::string> image_of_app(const Pod& pod, const std::string& app) {
  for (const auto& one : TRY(read_pod_manifest(pod)).apps)
    if (one.name == app) return one.image.id.key().str();
  return fail(ErrorKind::kNotFound, "pod '{}' has no app '{}'", pod.uuid().str(), printable(app));
}

}  // namespace

Result<std::vector<PathChange>> diff_images(const Store& store, const ImageRecord& before,
                                            const ImageRecord& after) {
  const sys::RaisedFileLimit many_files;
  const OpenRoot old = TRY_CTX(open_root(store, keys_of(before)), "image '{}'", before.id);
  const OpenRoot now = TRY_CTX(open_root(store, keys_of(after)), "image '{}'", after.id);
  return diff_trees(old.layers(), now.layers());
}

Result<std::vector<PathChange>> diff_app(const Store& store, const Pod& pod, const std::string& app) {
  const sys::RaisedFileLimit many_files;
  const std::uint32_t first_id = TRY(first_id_of(pod.dir()));
  if (TRY(sys::exists(pod.dir(), paths::kOverlayPrepared))) {
    const OpenRoot image = TRY(open_root(store, TRY(read_layers_file(pod.dir(), paths::app_layers(app)))));
    const sys::DirFd upper = TRY(sys::open_dir(pod.dir(), paths::app_upper(app), O_NOFOLLOW));
    std::vector<TreeLayer> now = image.layers();
    now.push_back({.tree = &upper, .identity = "the app's own", .first_id = first_id});
    return diff_trees(image.layers(), now);
  }
  const std::string id = TRY(image_of_app(pod, app));
  const ImageRecord record = TRY_CTX(store.read_image(id), "image of app '{}'", app);
  const OpenRoot image = TRY(open_root(store, keys_of(record)));
  const sys::DirFd copy = TRY(sys::open_dir(pod.dir(), paths::app_root(app), O_NOFOLLOW));
  const std::vector<TreeLayer> now = {{.tree = &copy, .identity = "the app's own", .first_id = first_id}};
  return diff_trees(image.layers(), now);
}

}  // namespace agena::stage0
