#include "stage0/care/inspect.h"

#include <set>

#include "stage0/image/formats/oci_documents.h"

namespace agena::stage0 {
namespace {

LayerDetail layer_detail(const Store& store, const LayerUse& use, const StoreView& view) {
  LayerDetail detail{.use = use};
  if (const auto meta = store.layer_meta(use.key)) {
    detail.diff_id = meta->diff_id.str();
    detail.archive_bytes = meta->archive_bytes;
    detail.entries = meta->entries;
  } else {
    detail.present = false;
  }
  if (const auto users = view.users.find(use.key); users != view.users.end()) detail.images = users->second;
  return detail;
}

std::optional<std::string> document(const Store& store, const std::optional<Digest>& digest) {
  if (!digest) return std::nullopt;
  auto bytes = store.read_blob(*digest);
  if (!bytes) return std::nullopt;
  return *std::move(bytes);
}

// What the image says of itself, in the terms of its format.
void describe(ImageDetail& detail) {
  const schema::ImageManifest& manifest = detail.record.manifest;
  if (const std::string* os = manifest.labels.find("os")) detail.platform.os = *os;
  if (const std::string* arch = manifest.labels.find("arch")) detail.platform.arch = *arch;
  for (const auto& annotation : manifest.annotations)
    if (annotation.name == "created") detail.created = annotation.value;
  if (!detail.config) return;
  if (const auto config = parse_oci_config(*detail.config)) {
    detail.platform = config->platform;
    detail.created = config->created;
  }
}

}  // namespace

Result<StoreView> view_store(const Store& store, const std::string& data_dir) {
  const std::vector<ImageRecord> records = TRY(store.list_images());
  StoreView view{.names = names_held(records), .usage = usage_of(records)};
  for (std::size_t i = 0; i < records.size(); ++i) {
    view.places.emplace(records[i].id, i);
    std::set<LayerKey> layers;
    for (const auto* list : {&records[i].layers, &records[i].sources})
      for (const LayerUse& use : *list) layers.insert(use.key);
    for (const LayerKey& layer : layers) ++view.users[layer];
  }
  view.pods = TRY(pods_with_images(data_dir));
  return view;
}

ImageDetail inspect_image(const Store& store, const ImageRecord& record, const StoreView& view) {
  ImageDetail detail{.record = record, .names = {}, .usage = {}, .layers = {}};
  if (const auto place = view.places.find(record.id); place != view.places.end()) {
    detail.names = view.names[place->second];
    detail.usage = view.usage.images[place->second];
  }
  for (const LayerUse& use : record.layers) detail.layers.push_back(layer_detail(store, use, view));
  for (const LayerUse& use : record.sources) {
    detail.layers.push_back(layer_detail(store, use, view));
    detail.layers.back().source = true;
  }
  if (record.oci) {
    detail.config = document(store, record.oci->config_digest);
    detail.manifest = document(store, record.oci->manifest_digest);
  }
  describe(detail);
  for (const PodImages& pod : view.pods)
    if (is_made_of(pod, record)) detail.pods.push_back(pod.uuid);
  return detail;
}

}  // namespace agena::stage0
