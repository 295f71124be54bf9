#include "stage0/cli/output/image_json.h"

#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "manifests/codec/image_manifest.h"
#include "stage0/image/formats/oci_documents.h"

namespace agena::stage0 {
namespace {

using json_text::Json;

Result<std::string> dump(const Json& document, JsonStyle style) {
  return style == JsonStyle::kPretty ? json_text::dump_pretty(document) : json_text::dump(document);
}

// A document that came with the image; null if it is not JSON.
Json embedded(const std::string& bytes) {
  auto json = json_text::parse(bytes);
  return json ? *std::move(json) : Json();
}

Json layer_json(const LayerDetail& layer) {
  Json object = {{"key", layer.use.key.str()}, {"size", layer.use.size}, {"present", layer.present}};
  if (layer.present) {
    object["diff_id"] = layer.diff_id;
    object["archive_size"] = layer.archive_bytes;
    object["entries"] = layer.entries;
  }
  object["images"] = layer.images;
  return object;
}

void add_platform(Json& object, const ImageDetail& image) {
  if (image.platform.os.empty()) return;
  object["platform"] = {{"os", image.platform.os}, {"architecture", image.platform.arch}};
  if (!image.platform.variant.empty()) object["platform"]["variant"] = image.platform.variant;
}

void add_oci(Json& object, const ImageDetail& image) {
  const auto& facts = image.record.oci;
  if (!facts) return;
  if (facts->manifest_digest) object["manifest_digest"] = facts->manifest_digest->str();
  if (facts->config_digest) object["config_digest"] = facts->config_digest->str();
  if (image.manifest) object["oci_manifest"] = embedded(*image.manifest);
  if (image.config) object["oci_config"] = embedded(*image.config);
}

Result<Json> detail_json(const ImageDetail& image) {
  const ImageRecord& record = image.record;
  Json object = {{"id", record.id},
                 {"name", manifest_name(record)},
                 {"names", image.names},
                 {"format", std::string(to_string(record.format))}};
  add_platform(object, image);
  if (!image.created.empty()) object["created"] = image.created;
  object["import_time"] = record.import_time;
  object["last_used_time"] = record.last_used;
  object["size"] = record.size();
  object["unique_size"] = image.usage.unique;
  object["shared_size"] = image.usage.shared;
  if (record.source_size != 0) object["source_size"] = record.source_size;
  object["origins"] = record.origins;
  object["chain_id"] = record.chain_id;
  object["layers"] = Json::array();
  Json sources = Json::array();
  for (const LayerDetail& layer : image.layers)
    (layer.source ? sources : object["layers"]).push_back(layer_json(layer));
  if (!sources.empty()) object["sources"] = std::move(sources);
  Json pods = Json::array();
  for (const Uuid& pod : image.pods) pods.push_back(pod.str());
  object["pods"] = std::move(pods);
  object["manifest"] = embedded(TRY(codec::write_image_manifest(record.manifest)));
  add_oci(object, image);
  return object;
}

Json step_json(const HistoryEntry& step) {
  Json object = Json::object();
  if (!step.name.empty()) object["name"] = step.name;
  if (!step.image_id.empty()) object["image_id"] = step.image_id;
  if (step.layer) object["key"] = step.layer->str();
  if (!step.diff_id.empty()) object["diff_id"] = step.diff_id;
  if (step.created) object["created"] = *step.created;
  object["created_by"] = step.created_by;
  if (step.size) object["size"] = *step.size;
  object["empty_layer"] = step.empty_layer;
  if (!step.author.empty()) object["author"] = step.author;
  object["comment"] = step.comment;
  return object;
}

Json brief_json(const ImageRecord& record) {
  return {{"id", record.id},
          {"name", manifest_name(record)},
          {"size", record.size()},
          {"last_used_time", record.last_used}};
}

Json facts_json(const NodeFacts& facts) {
  Json object = {{"type", facts.type},
                 {"mode", fmt::format("{:04o}", facts.mode)},
                 {"uid", facts.uid},
                 {"gid", facts.gid}};
  if (std::string_view(facts.type) == "file") object["size"] = facts.size;
  return object;
}

Json change_json(const PathChange& change) {
  Json object = {{"kind", std::string(to_string(change.kind))}};
  if (is_utf8(change.path)) {
    object["path"] = change.path;
  } else {
    object["path"] = printable(change.path);
    object["path_hex"] = to_hex(change.path);
  }
  if (change.kind == ChangeKind::kChanged) object["what"] = change.what;
  if (change.before) object["before"] = facts_json(*change.before);
  if (change.after) object["after"] = facts_json(*change.after);
  return object;
}

Json share_json(const DiskShare& share) { return {{"count", share.count}, {"bytes", share.bytes}}; }

Json verified_json(const VerifiedImage& image) {
  const ImageCheck& check = image.check;
  const char* state = check.intact() ? "intact" : check.repaired_from.empty() ? "damaged" : "repaired";
  Json object = {{"id", check.image.id}, {"name", manifest_name(check.image)}, {"state", state}};
  Json layers = Json::array();
  for (const LayerVerdict& fault : check.faults)
    layers.push_back({{"key", fault.key.str()},
                      {"state", fault.state == LayerVerdict::State::kMissing ? "missing" : "corrupt"},
                      {"detail", printable(fault.detail)}});
  Json documents = Json::array();
  for (const Digest& document : check.documents) documents.push_back(document.str());
  object["layers"] = std::move(layers);
  object["documents"] = std::move(documents);
  if (!check.repaired_from.empty()) object["repaired_from"] = check.repaired_from;
  if (image.error) object["error"] = image.error->to_string();
  return object;
}

}  // namespace

Result<std::string> image_details_json(const std::vector<ImageDetail>& images, JsonStyle style) {
  Json array = Json::array();
  for (const ImageDetail& image : images) array.push_back(TRY(detail_json(image)));
  return dump(array, style);
}

Result<std::string> history_json(const std::vector<HistoryEntry>& steps, JsonStyle style) {
  Json array = Json::array();
  for (const HistoryEntry& step : steps) array.push_back(step_json(step));
  return dump(array, style);
}

Result<std::string> image_gc_json(const ImageGcResult& result, bool dry_run, JsonStyle style) {
  Json removed = Json::array();
  for (const ImageRecord& record : result.removed) removed.push_back(brief_json(record));
  Json kept = Json::array();
  for (const KeptImage& one : result.kept) {
    Json object = brief_json(one.image);
    object["reason"] = std::string(to_string(one.keeper));
    kept.push_back(std::move(object));
  }
  return dump({{"dry_run", dry_run},
               {"removed", std::move(removed)},
               {"kept", std::move(kept)},
               {"layers", result.sweep.layers},
               {"documents", result.sweep.blobs},
               {"bytes", result.sweep.bytes},
               {"partial_bytes", result.partial_bytes},
               {"deferred", result.sweep.deferred}},
              style);
}

Result<std::string> diff_json(const std::vector<PathChange>& changes, JsonStyle style) {
  Json array = Json::array();
  for (const PathChange& change : changes) array.push_back(change_json(change));
  return dump(array, style);
}

Result<std::string> disk_usage_json(const StoreDiskUsage& usage, JsonStyle style) {
  return dump({{"images", share_json(usage.images)},
               {"images_of_pods", share_json(usage.images_of_pods)},
               {"reclaimable", usage.reclaimable},
               {"pod_layers", share_json(usage.pod_layers)},
               {"unused_layers", share_json(usage.unused_layers)},
               {"documents", share_json(usage.documents)},
               {"trash", share_json(usage.trash)},
               {"partial", share_json(usage.partial)}},
              style);
}

Result<std::string> rkt_import_json(const std::vector<RktImage>& images, JsonStyle style) {
  Json array = Json::array();
  for (const RktImage& image : images) {
    Json object = {{"id", printable(image.id)},
                   {"name", printable(image.name)},
                   {"outcome", std::string(to_string(image.outcome))}};
    if (image.error) object["error"] = image.error->to_string();
    array.push_back(std::move(object));
  }
  return dump(array, style);
}

Result<std::string> verify_json(const std::vector<VerifiedImage>& images, JsonStyle style) {
  Json array = Json::array();
  for (const VerifiedImage& image : images) array.push_back(verified_json(image));
  return dump(array, style);
}

}  // namespace agena::stage0
