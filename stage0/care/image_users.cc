#include "stage0/care/image_users.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "stage0/pod/choose_app.h"
#include "stage0/tree/layers_file.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

Result<PodImages> read_pod_images(const Pod& pod) {
  PodImages images{
      .uuid = pod.uuid(), .directory = pod.directory(), .app_images = {}, .stage1_chain = {}, .layers = {}};
  const auto layers = read_layers_file(pod.dir(), paths::kLayers);
  if (layers)
    images.layers.insert(layers->begin(), layers->end());
  else if (layers.error().sys_errno() != ENOENT)
    return std::unexpected(layers.error());
  if (const auto chain = sys::read_file(pod.dir(), paths::kStage1TreeId))
    images.stage1_chain = std::string(trim(*chain));
  const auto manifest = read_pod_manifest(pod);
  if (!manifest) {
    // A pod that cannot be read keeps its layers; it must not keep others from being looked at.
    log::debug("pod '{}': {}", pod.uuid().str(), manifest.error().to_string());
    return images;
  }
  images.has_manifest = true;
  for (const auto& app : manifest->apps) images.app_images.insert(app.image.id.key().str());
  return images;
}

}  // namespace

Result<std::vector<PodImages>> pods_with_images(const std::string& data_dir) {
  std::vector<PodImages> all;
  const Pods pods = TRY(Pods::open(data_dir));
  for (const PodRef& ref : TRY(scan_pods(pods, visible_phases()))) {
    const auto pod = Pod::open(pods, ref.uuid);
    if (!pod && pod.error().kind() == ErrorKind::kNotFound) continue;  // deleted meanwhile
    if (!pod) return std::unexpected(pod.error());
    all.push_back(TRY_CTX(read_pod_images(*pod), "pod '{}'", ref.uuid.str()));
  }
  return all;
}

bool holds_layers_of(const PodImages& pod, const ImageRecord& image) {
  return !image.layers.empty() && std::ranges::all_of(image.layers, [&](const LayerUse& layer) {
    return pod.layers.contains(layer.key);
  });
}

bool is_made_of(const PodImages& pod, const ImageRecord& image) {
  if (pod.app_images.contains(image.id)) return true;
  if (!pod.stage1_chain.empty() && pod.stage1_chain == image.chain_id) return true;
  return !pod.has_manifest && holds_layers_of(pod, image);
}

}  // namespace agena::stage0
