#include "stage0/care/inspect.h"

#include <algorithm>

#include "stage0/care/image_users.h"
#include "stage0/image/formats/oci_documents.h"

namespace agena::stage0 {
namespace {

bool has_layer(const ImageRecord& record, const LayerKey& key) {
  const auto is_it = [&](const LayerUse& use) { return use.key == key; };
  return std::ranges::any_of(record.layers, is_it) || std::ranges::any_of(record.sources, is_it);
}

LayerDetail layer_detail(const Store& store, const LayerUse& use, const std::vector<ImageRecord>& records) {
  LayerDetail detail{.use = use};
  if (const auto meta = store.layer_meta(use.key)) {
    detail.diff_id = meta->diff_id.str();
    detail.archive_bytes = meta->archive_bytes;
    detail.entries = meta->entries;
  } else {
    detail.present = false;
  }
  detail.images = static_cast<std::size_t>(
      std::ranges::count_if(records, [&](const ImageRecord& record) { return has_layer(record, use.key); }));
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

Result<ImageDetail> inspect_image(const Store& store, const ImageRecord& record,
                                  const std::vector<ImageRecord>& records, const std::string& data_dir) {
  ImageDetail detail{.record = record, .names = {}, .usage = {}, .layers = {}};
  const auto place = std::ranges::find(records, record.id, &ImageRecord::id);
  if (place != records.end()) {
    const auto index = static_cast<std::size_t>(place - records.begin());
    detail.names = names_held(records)[index];
    detail.usage = usage_of(records).images[index];
  }
  for (const LayerUse& use : record.layers) detail.layers.push_back(layer_detail(store, use, records));
  for (const LayerUse& use : record.sources) {
    detail.layers.push_back(layer_detail(store, use, records));
    detail.layers.back().source = true;
  }
  if (record.oci) {
    detail.config = document(store, record.oci->config_digest);
    detail.manifest = document(store, record.oci->manifest_digest);
  }
  describe(detail);
  for (const PodImages& pod : TRY(pods_with_images(data_dir)))
    if (is_made_of(pod, record)) detail.pods.push_back(pod.uuid);
  return detail;
}

}  // namespace agena::stage0
