#include "stage0/image/layer_merge.h"

#include <algorithm>
#include <iterator>

#include "common/sys/overlay.h"
#include "stage0/image/render/merged_archive.h"
#include "stage0/image/unpacked.h"

namespace agena::stage0 {
namespace {

Result<LayerKey> merged_key(const std::vector<ShownLayer>& top_first) {
  std::vector<LayerKey> keys;
  for (const ShownLayer& layer : top_first) keys.push_back(layer.use.key);
  std::ranges::reverse(keys);
  const Digest chain = TRY(Digest::parse(root_chain_id(keys)));
  return LayerKey::parse("merged-" + chain.file_name());
}

Result<ShownLayer> merge(const Store& store, std::vector<ShownLayer> layers) {
  const LayerKey key = TRY(merged_key(layers));
  if (TRY(store.has_layer(key)))
    return ShownLayer{.use = {.key = key, .size = TRY(store.layer_meta(key)).file_bytes},
                      .tree = TRY(store.open_layer_fs(key))};
  std::vector<MergeInput> inputs;
  for (ShownLayer& layer : layers) inputs.push_back({.tree = std::move(layer.tree)});
  const auto archive = TRY(open_merged_archive(std::move(inputs), {}));
  UnpackOptions options;
  options.kind = ArchiveKind::kLayer;
  options.compression = Compression::kNone;
  Unpacked unpacked = TRY(unpack_staged(store, *archive, std::move(options), "merged layers"));
  ShownLayer merged{.use = {.key = key, .size = unpacked.result.file_bytes},
                    .tree = sys::DirFd(TRY(sys::duplicate(unpacked.layer.fs.get())).release())};
  merged.commit = std::move(unpacked).commit(key);
  return merged;
}

}  // namespace

Result<> merge_excess_layers(const Store& store, std::vector<ShownLayer>& layers) {
  if (layers.size() <= sys::kMaxOverlayLayers) return {};
  const auto first_merged = layers.begin() + static_cast<std::ptrdiff_t>(sys::kMaxOverlayLayers - 1);
  std::vector<ShownLayer> lowest(std::make_move_iterator(first_merged),
                                 std::make_move_iterator(layers.end()));
  layers.erase(first_merged, layers.end());
  layers.push_back(TRY_CTX(merge(store, std::move(lowest)), "merging the lowest layers"));
  return {};
}

}  // namespace agena::stage0
