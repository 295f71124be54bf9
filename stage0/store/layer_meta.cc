#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "stage0/store/internal.h"
#include "stage0/store/store.h"

namespace agena::stage0 {
namespace {

using json_text::Json;
constexpr std::uint64_t kVersion = 1;
// A layer may imply very many directories, and its meta is our own file.
constexpr json_text::Limits kLimits{.max_bytes = kMaxLayerMetaBytes};

std::uint64_t read_number(const JsonNode& root, std::string_view key) {
  const auto node = root.require(key);
  return node ? node->as_uint().value_or(0) : 0;
}

bool read_flag(const JsonNode& root, std::string_view key) {
  const auto node = root.find(key);
  return node && node->as_bool().value_or(false);
}

std::vector<std::string> read_paths(const JsonNode& root, std::string_view key) {
  std::vector<std::string> paths;
  const auto node = root.find(key);
  if (!node) return paths;
  // In hex: names in images are bytes, not always UTF-8.
  node->each([&](const JsonNode& element) {
    if (auto path = element.parsed(from_hex)) paths.push_back(*std::move(path));
  });
  return paths;
}

}  // namespace

Result<std::string> layer_meta_to_json(const LayerMeta& meta) {
  Json json = Json::object();
  json["version"] = kVersion;
  json["key"] = meta.key.str();
  json["diffId"] = meta.diff_id.str();
  json["archiveBytes"] = meta.archive_bytes;
  json["fileBytes"] = meta.file_bytes;
  json["entries"] = meta.entries;
  json["recordDigest"] = meta.record_digest.str();
  if (meta.skeleton_digest) json["archiveDigest"] = meta.skeleton_digest->str();
  if (!meta.implied_directories.empty()) {
    Json paths = Json::array();
    for (const std::string& path : meta.implied_directories) paths.push_back(to_hex(path));
    json["impliedDirectoriesHex"] = std::move(paths);
  }
  if (meta.root_opaque) json["rootOpaque"] = true;
  if (meta.root_entry) json["rootEntry"] = true;
  return TRY(json_text::dump(json)) + "\n";
}

Result<LayerMeta> layer_meta_from_json(std::string_view bytes) {
  const Json json = TRY_CTX(json_text::parse(bytes, kLimits), "layer meta");
  JsonProblems problems("layer meta");
  const JsonNode root(json, problems);
  root.only_members({"version", "key", "diffId", "archiveBytes", "fileBytes", "entries", "recordDigest",
                     "archiveDigest", "impliedDirectoriesHex", "rootOpaque", "rootEntry"});
  const auto version = root.require("version");
  const auto number = version ? version->as_uint() : std::nullopt;
  if (number && *number != kVersion)
    return fail(ErrorKind::kUnsupported, "layer meta: version {} (this program knows {})", *number, kVersion);
  const auto key_node = root.require("key");
  const auto diff_node = root.require("diffId");
  const auto record_node = root.require("recordDigest");
  auto key = key_node ? key_node->parsed(LayerKey::parse) : std::nullopt;
  auto diff_id = diff_node ? diff_node->parsed(Digest::parse) : std::nullopt;
  auto record = record_node ? record_node->parsed(Digest::parse) : std::nullopt;
  const auto skeleton_node = root.find("archiveDigest");
  auto skeleton = skeleton_node ? skeleton_node->parsed(Digest::parse) : std::nullopt;
  const auto archive_bytes = read_number(root, "archiveBytes");
  const auto file_bytes = read_number(root, "fileBytes");
  const auto entries = read_number(root, "entries");
  auto implied = read_paths(root, "impliedDirectoriesHex");
  const bool root_opaque = read_flag(root, "rootOpaque");
  const bool root_entry = read_flag(root, "rootEntry");
  TRY(problems.to_result());
  if (!key || !diff_id || !record) return fail(ErrorKind::kInternal, "layer meta: incomplete");
  return LayerMeta{.key = *std::move(key),
                   .diff_id = *std::move(diff_id),
                   .archive_bytes = archive_bytes,
                   .file_bytes = file_bytes,
                   .entries = entries,
                   .record_digest = *std::move(record),
                   .skeleton_digest = std::move(skeleton),
                   .implied_directories = std::move(implied),
                   .root_opaque = root_opaque,
                   .root_entry = root_entry};
}

}  // namespace agena::stage0
