#include "stage0/care/disk_usage.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/sys/fs.h"
#include "stage0/care/image_users.h"
#include "stage0/image/usage.h"
#include "stage0/pod/layers_in_use.h"
#include "stage0/store/layout.h"

namespace agena::stage0 {
namespace {

// Everything below a directory of the store (layout.h); one that is not there is empty.
Result<DiskShare> share_of(const Store& store, const char* directory) {
  DiskShare share;
  const std::string path = fmt::format("{}/{}", layout::kCas, directory);
  if (!store.data() || !TRY(sys::exists(store.data(), path))) return share;
  const sys::DirFd dir = TRY(sys::open_dir(store.data(), path));
  for (const std::string& name : TRY(sys::list_dir(dir))) {
    ++share.count;
    // What goes away meanwhile takes no room.
    share.bytes += sys::disk_usage(dir, name).value_or(0);
  }
  return share;
}

std::map<LayerKey, std::uint64_t> layers_of(const std::vector<ImageRecord>& records,
                                            const std::vector<bool>& wanted) {
  std::map<LayerKey, std::uint64_t> layers;
  for (std::size_t i = 0; i < records.size(); ++i)
    for (const auto* list : {&records[i].layers, &records[i].sources})
      for (const LayerUse& layer : *list)
        if (wanted[i]) layers.emplace(layer.key, layer.size);
  return layers;
}

std::uint64_t sum(const std::map<LayerKey, std::uint64_t>& layers) {
  std::uint64_t bytes = 0;
  for (const auto& [key, size] : layers) bytes += size;
  return bytes;
}

}  // namespace

Result<StoreDiskUsage> disk_usage_of(const Store& store, const std::string& data_dir) {
  StoreDiskUsage usage{};
  const std::vector<ImageRecord> records = TRY(store.list_images());
  const auto pods = TRY(pods_with_images(data_dir));
  const std::set<LayerKey> pod_layers = TRY(layers_in_use(data_dir));
  std::vector<bool> in_use;
  for (const ImageRecord& record : records)
    in_use.push_back(
        std::ranges::any_of(pods, [&](const PodImages& pod) { return is_made_of(pod, record); }));
  const auto all = layers_of(records, std::vector<bool>(records.size(), true));
  auto kept = layers_of(records, in_use);
  usage.images = {.count = records.size(), .bytes = sum(all)};
  usage.images_of_pods = {.count = static_cast<std::uint64_t>(std::ranges::count(in_use, true)),
                          .bytes = sum(kept)};
  for (const auto& [key, size] : all)
    if (!kept.contains(key) && !pod_layers.contains(key)) usage.reclaimable += size;
  for (const LayerKey& key : TRY(store.list_layers())) {
    if (all.contains(key)) continue;
    DiskShare& share = pod_layers.contains(key) ? usage.pod_layers : usage.unused_layers;
    ++share.count;
    if (const auto meta = store.layer_meta(key)) share.bytes += meta->file_bytes;
  }
  usage.documents = TRY(share_of(store, layout::kBlobs));
  usage.trash = TRY(share_of(store, layout::kTrash));
  usage.partial = TRY(share_of(store, layout::kPartial));
  return usage;
}

}  // namespace agena::stage0
