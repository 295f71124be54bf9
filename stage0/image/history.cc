#include "stage0/image/history.h"

#include <algorithm>
#include <set>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "stage0/image/formats/oci_documents.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

std::string text_of(const JsonNode& object, std::string_view key) {
  const auto node = object.find(key);
  return node ? node->as_string().value_or("") : "";
}

// `history` of a config (image-spec config.md), first step first.
Result<std::vector<HistoryEntry>> parse_history(std::string_view config) {
  const auto json = TRY_CTX(json_text::parse(config), "image config");
  JsonProblems problems("image config");
  const JsonNode root(json, problems);
  std::vector<HistoryEntry> steps;
  if (const auto history = root.find("history"))
    history->each([&](const JsonNode& element) {
      HistoryEntry step{.created_by = text_of(element, "created_by"),
                        .author = text_of(element, "author"),
                        .comment = text_of(element, "comment")};
      step.created = parse_rfc3339(text_of(element, "created"));
      const auto empty = element.find("empty_layer");
      step.empty_layer = empty && empty->as_bool().value_or(false);
      steps.push_back(std::move(step));
    });
  // What is wrong with the history does not make the image less of one.
  if (!problems.empty()) steps.clear();
  return steps;
}

// Where a layer is in the store: under its chain ID or its diffID, whichever the image uses.
void find_layer(const Store& store, const ImageRecord& record, const Digest& chain, HistoryEntry& step,
                const Digest& diff_id) {
  step.diff_id = diff_id.str();
  std::vector<LayerKey> keys = {LayerKey::of_diff_id(diff_id)};
  if (auto key = LayerKey::of_chain_id(chain)) keys.insert(keys.begin(), *std::move(key));
  for (const LayerKey& key : keys) {
    const auto use = std::ranges::find(record.layers, key, &LayerUse::key);
    if (use == record.layers.end()) continue;
    step.layer = key;
    step.size = use->size;
    return;
  }
  // A layer that does not show in the root may be there for other images.
  for (const LayerKey& key : keys)
    if (const auto meta = store.layer_meta(key)) {
      step.layer = key;
      step.size = meta->file_bytes;
      return;
    }
}

Result<std::vector<HistoryEntry>> layered_history(const Store& store, const ImageRecord& record) {
  if (!record.oci || !record.oci->config_digest)
    return fail(ErrorKind::kNotFound, "image '{}' has no config", record.id);
  const std::string bytes = TRY(store.read_blob(*record.oci->config_digest));
  const OciConfig config = TRY(parse_oci_config(bytes));
  std::vector<HistoryEntry> steps = TRY(parse_history(bytes));
  const auto made = static_cast<std::size_t>(std::ranges::count(steps, false, &HistoryEntry::empty_layer));
  // A history that does not match says nothing about which layer is which.
  if (made != config.diff_ids.size()) steps.assign(config.diff_ids.size(), {});
  std::size_t next = 0;
  std::optional<Digest> chain;
  for (HistoryEntry& step : steps) {
    if (step.empty_layer) continue;
    const Digest& diff_id = config.diff_ids[next++];
    chain = chain ? hash_of(HashAlgorithm::kSha256, chain->str() + " " + diff_id.str()) : diff_id;
    find_layer(store, record, *chain, step, diff_id);
  }
  std::ranges::reverse(steps);
  return steps;
}

std::string name_of(const schema::AcIdentifier& name, const schema::Labels& labels) {
  const std::string* version = labels.find("version");
  return name.str() + (version == nullptr ? "" : ":" + *version);
}

// The image and what it depends on, in the order of rendering; each image once.
class AciHistory {
 public:
  explicit AciHistory(Store& store) : store_(store) {}

  Result<> add(const ImageRecord& record, std::string comment) {
    if (!seen_.insert(record.id).second) return {};
    HistoryEntry step{.comment = std::move(comment),
                      .name = name_of(record.manifest.name, record.manifest.labels),
                      .image_id = record.id};
    for (const auto& annotation : record.manifest.annotations)
      if (annotation.name == "created") step.created = parse_rfc3339(annotation.value);
    for (const auto& annotation : record.manifest.annotations)
      if (annotation.name == "authors") step.author = annotation.value;
    const std::vector<LayerUse>& own = record.sources.empty() ? record.layers : record.sources;
    if (!own.empty()) {
      step.layer = own.front().key;
      step.size = own.front().size;
      if (const auto meta = store_.layer_meta(own.front().key)) step.diff_id = meta->diff_id.str();
    }
    steps_.push_back(std::move(step));
    for (const schema::Dependency& dependency : record.manifest.dependencies)
      TRY(add_dependency(dependency, record));
    return {};
  }
  std::vector<HistoryEntry> take() { return std::move(steps_); }

 private:
  Result<> add_dependency(const schema::Dependency& dependency, const ImageRecord& dependant) {
    const std::string comment = "dependency of " + dependant.manifest.name.str();
    const auto found = dependency.image_id ? store_.read_image(dependency.image_id->key().str())
                                           : store_.find_app_image(dependency.image_name, dependency.labels);
    if (found) return add(*found, comment);
    if (found.error().kind() != ErrorKind::kNotFound) return std::unexpected(found.error());
    steps_.push_back({.comment = comment + ", not in the store",
                      .name = name_of(dependency.image_name, dependency.labels)});
    return {};
  }

  Store& store_;
  std::set<std::string> seen_;
  std::vector<HistoryEntry> steps_;
};

}  // namespace

Result<std::vector<HistoryEntry>> image_history(Store& store, const ImageRecord& record) {
  if (record.format != ImageFormat::kAci)
    return TRY_CTX(layered_history(store, record), "history of image '{}'", record.id);
  AciHistory history(store);
  TRY(history.add(record, ""));
  return history.take();
}

}  // namespace agena::stage0
