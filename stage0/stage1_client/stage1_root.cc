#include "stage0/stage1_client/stage1_root.h"

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/namespaces.h"
#include "stage0/store/store.h"
#include "stage0/tree/layers_file.h"
#include "stage0/tree/overlay_root.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

Result<bool> is_overlay_pod(const sys::DirFd& pod) { return sys::exists(pod, paths::kOverlayPrepared); }

Result<sys::DirFd> open_again(const sys::DirFd& dir) { return sys::open_dir(dir, "."); }

Result<Stage1Root> mount_layers(const std::string& data_dir, const std::string& pod_path) {
  TRY(sys::enter_private_mount_namespace());
  // Descriptors from before belong to the old namespace: the kernel mounts nothing by those, and they do not
  // lead into what is mounted here.
  sys::DirFd pod = TRY(sys::open_dir(pod_path));
  const Store store = TRY(Store::open(data_dir, Store::Mode::kReadOnly));
  const auto layers = TRY(open_layers(store, TRY(read_layers_file(pod, paths::kStage1Layers))));
  const sys::DirFd target = TRY(sys::open_dir(pod, paths::kStage1Root));
  TRY_CTX(mount_overlay_root({.layers = layers}, target), "mounting the stage1 root");
  sys::DirFd root = TRY(sys::open_dir(pod, paths::kStage1Root));
  return Stage1Root{.pod = std::move(pod), .root = std::move(root)};
}

Result<sys::DirFd> open_unmounted(const std::string& data_dir, const sys::DirFd& pod) {
  if (!TRY(is_overlay_pod(pod))) return sys::open_dir(pod, paths::kStage1Root);
  const auto layers = TRY(read_layers_file(pod, paths::kStage1Layers));
  if (layers.empty()) return fail(ErrorKind::kInvalidInput, "the stage1 root of the pod has no layers");
  const Store store = TRY(Store::open(data_dir, Store::Mode::kReadOnly));
  return store.open_layer_fs(layers.front());
}

}  // namespace

Result<bool> stage1_root_needs_mount(const sys::DirFd& pod) {
  if (!TRY(is_overlay_pod(pod))) return false;
  return TRY(read_layers_file(pod, paths::kStage1Layers)).size() > 1;
}

Result<Stage1Root> open_stage1_root(const std::string& data_dir, const sys::DirFd& pod) {
  if (TRY(stage1_root_needs_mount(pod))) return mount_layers(data_dir, TRY(sys::path_of_fd(pod.get())));
  return Stage1Root{.pod = TRY(open_again(pod)), .root = TRY(open_unmounted(data_dir, pod))};
}

}  // namespace agena::stage0
