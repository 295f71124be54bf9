#include "stage0/image/usage.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace agena::stage0 {
namespace {

// An image's layers, each once.
std::map<LayerKey, std::uint64_t> layers_of(const ImageRecord& record) {
  std::map<LayerKey, std::uint64_t> layers;
  for (const auto* list : {&record.layers, &record.sources})
    for (const LayerUse& layer : *list) layers.emplace(layer.key, layer.size);
  return layers;
}

}  // namespace

StoreUsage usage_of(std::span<const ImageRecord> records) {
  struct Layer {
    std::uint64_t size = 0;
    std::size_t users = 0;
  };
  std::map<LayerKey, Layer> all;
  for (const ImageRecord& record : records)
    for (const auto& [key, size] : layers_of(record)) {
      all[key].size = size;
      ++all[key].users;
    }
  StoreUsage usage{.images = {}, .layers = all.size(), .bytes = 0};
  for (const auto& [key, layer] : all) usage.bytes += layer.size;
  for (const ImageRecord& record : records) {
    ImageUsage& image = usage.images.emplace_back();
    for (const auto& [key, size] : layers_of(record))
      (all[key].users == 1 ? image.unique : image.shared) += size;
  }
  return usage;
}

std::vector<std::vector<std::string>> names_held(std::span<const ImageRecord> records) {
  // As Index::find_by_fetched_name() orders them: the latest time, then the lowest id.
  struct Holder {
    Nanoseconds time;
    std::size_t record;
  };
  std::map<std::string, Holder> holders;
  for (std::size_t i = 0; i < records.size(); ++i)
    for (const ImageName& name : records[i].names) {
      const auto [it, fresh] = holders.try_emplace(name.name, Holder{.time = name.time, .record = i});
      Holder& holder = it->second;
      if (!fresh && std::tie(holder.time, records[i].id) < std::tie(name.time, records[holder.record].id))
        holder = {.time = name.time, .record = i};
    }
  std::vector<std::vector<std::string>> names(records.size());
  for (const auto& [name, holder] : holders) names[holder.record].push_back(name);
  return names;
}

std::string manifest_name(const ImageRecord& record) {
  const std::string* version = record.manifest.labels.find("version");
  return record.manifest.name.str() + (version == nullptr ? "" : ":" + *version);
}

}  // namespace agena::stage0
