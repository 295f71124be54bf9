#include "stage0/store/image_record.h"

#include <algorithm>
#include <array>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/base/table.h"
#include "manifests/codec/image_manifest.h"

namespace agena::stage0 {
namespace {

using json_text::Json;

constexpr std::uint64_t kVersion = 1;
constexpr std::string_view kIdPrefix = "sha512-";
constexpr std::size_t kIdDigits = 64;

struct FormatRow {
  std::string_view name;
  ImageFormat value;
};
constexpr std::array kFormats = {FormatRow{.name = "aci", .value = ImageFormat::kAci},
                                 FormatRow{.name = "docker", .value = ImageFormat::kDocker},
                                 FormatRow{.name = "oci", .value = ImageFormat::kOci}};
static_assert(sorted_by_name(kFormats));

Result<ImageFormat> parse_format(std::string_view text) {
  if (const auto* row = find_by_name(kFormats, text)) return row->value;
  return fail(ErrorKind::kInvalidInput, "unknown format '{}'", printable(text));
}

Result<std::string> parse_id(std::string_view text) {
  if (is_image_id(text)) return std::string(text);
  return fail(ErrorKind::kInvalidInput, "'{}' is not an image id", printable(text));
}

// --- writing ---

Json to_json(const std::vector<LayerUse>& layers) {
  Json list = Json::array();
  for (const LayerUse& layer : layers) list.push_back({{"key", layer.key.str()}, {"size", layer.size}});
  return list;
}

Json to_json(const OciFacts& facts) {
  Json json = Json::object();
  if (facts.manifest_digest) json["manifestDigest"] = facts.manifest_digest->str();
  if (facts.config_digest) json["configDigest"] = facts.config_digest->str();
  json["entrypoint"] = facts.entrypoint;
  json["cmd"] = facts.cmd;
  if (!facts.stop_signal.empty()) json["stopSignal"] = facts.stop_signal;
  return json;
}

// --- reading ---

std::vector<std::string> read_strings(const std::optional<JsonNode>& node) {
  std::vector<std::string> strings;
  if (!node) return strings;
  node->each([&](const JsonNode& element) {
    if (auto text = element.as_string()) strings.push_back(*std::move(text));
  });
  return strings;
}

std::vector<LayerUse> read_layers(const std::optional<JsonNode>& node) {
  std::vector<LayerUse> layers;
  if (!node) return layers;
  node->each([&](const JsonNode& element) {
    element.only_members({"key", "size"});
    const auto key = element.require("key");
    const auto size = element.require("size");
    auto parsed = key ? key->parsed(LayerKey::parse) : std::nullopt;
    const auto bytes = size ? size->as_uint() : std::nullopt;
    if (parsed && bytes) layers.push_back({.key = *std::move(parsed), .size = *bytes});
  });
  return layers;
}

std::vector<ImageName> read_names(const std::optional<JsonNode>& node) {
  std::vector<ImageName> names;
  if (!node) return names;
  node->each([&](const JsonNode& element) {
    element.only_members({"name", "time"});
    const auto name = element.require("name");
    const auto time = element.require("time");
    auto text = name ? name->as_string() : std::nullopt;
    const auto at = time ? time->as_int(INT64_MIN, INT64_MAX) : std::nullopt;
    if (text && at) names.push_back({.name = *std::move(text), .time = *at});
  });
  return names;
}

std::optional<Digest> read_digest(const JsonNode& object, std::string_view key) {
  const auto node = object.find(key);
  return node ? node->parsed(Digest::parse) : std::nullopt;
}

OciFacts read_facts(const JsonNode& node) {
  node.only_members({"manifestDigest", "configDigest", "entrypoint", "cmd", "stopSignal"});
  OciFacts facts{.manifest_digest = read_digest(node, "manifestDigest"),
                 .config_digest = read_digest(node, "configDigest"),
                 .entrypoint = read_strings(node.require("entrypoint")),
                 .cmd = read_strings(node.require("cmd"))};
  if (const auto signal = node.find("stopSignal")) facts.stop_signal = signal->as_string().value_or("");
  return facts;
}

template <class T>
void assign(T& target, std::optional<T> value) {
  if (value) target = *std::move(value);
}

void read_members(const JsonNode& root, ImageRecord& record) {
  root.only_members({"version", "id", "format", "importTime", "chainId", "names", "layers", "sources",
                     "origins", "oci", "sourceSize", "signers", "installed"});
  if (const auto node = root.require("id")) assign(record.id, node->parsed(parse_id));
  if (const auto node = root.require("format")) assign(record.format, node->parsed(parse_format));
  if (const auto node = root.require("importTime"))
    assign(record.import_time, node->as_int(INT64_MIN, INT64_MAX));
  if (const auto node = root.require("chainId"))
    if (const auto digest = node->parsed(Digest::parse)) record.chain_id = digest->str();
  record.names = read_names(root.require("names"));
  record.layers = read_layers(root.require("layers"));
  record.sources = read_layers(root.find("sources"));
  record.origins = read_strings(root.find("origins"));
  record.trust.signers = read_strings(root.find("signers"));
  if (const auto node = root.find("installed")) assign(record.trust.installed, node->as_bool());
  if (const auto node = root.find("sourceSize")) assign(record.source_size, node->as_uint());
  if (const auto node = root.find("oci")) record.oci = read_facts(*node);
}

}  // namespace

std::string_view to_string(ImageFormat format) { return row_for(kFormats, format).name; }

bool ImageTrust::add(const ImageTrust& more) {
  const ImageTrust before = *this;
  signers.insert(signers.end(), more.signers.begin(), more.signers.end());
  std::ranges::sort(signers);
  const auto doubles = std::ranges::unique(signers);
  signers.erase(doubles.begin(), doubles.end());
  installed = installed || more.installed;
  return *this != before;
}

std::uint64_t ImageRecord::size() const {
  std::uint64_t bytes = 0;
  for (const auto* list : {&layers, &sources})
    for (const LayerUse& layer : *list) bytes += layer.size;
  return bytes;
}

bool is_image_id(std::string_view text) {
  return text.size() == kIdPrefix.size() + kIdDigits && text.starts_with(kIdPrefix) &&
         is_lower_hex(text.substr(kIdPrefix.size()));
}

std::string image_id_of(const Digest& sha512) {
  return std::string(kIdPrefix) + sha512.hex().substr(0, kIdDigits);
}

Result<std::string> image_record_to_json(const ImageRecord& record) {
  Json json = Json::object();
  json["version"] = kVersion;
  json["id"] = record.id;
  json["format"] = std::string(to_string(record.format));
  json["importTime"] = record.import_time;
  json["chainId"] = record.chain_id;
  Json names = Json::array();
  for (const ImageName& name : record.names) names.push_back({{"name", name.name}, {"time", name.time}});
  json["names"] = std::move(names);
  json["layers"] = to_json(record.layers);
  if (!record.sources.empty()) json["sources"] = to_json(record.sources);
  if (!record.origins.empty()) json["origins"] = record.origins;
  if (record.oci) json["oci"] = to_json(*record.oci);
  if (!record.trust.signers.empty()) json["signers"] = record.trust.signers;
  if (record.trust.installed) json["installed"] = true;
  if (record.source_size != 0) json["sourceSize"] = record.source_size;
  return TRY(json_text::dump(json)) + "\n" + TRY(codec::write_image_manifest(record.manifest)) + "\n";
}

Result<ImageRecord> image_record_from_json(std::string_view bytes) {
  // Both documents are compact, so that the first line feed parts them.
  const Cut parts = cut(bytes, '\n');
  if (!parts.found) return fail(ErrorKind::kInvalidInput, "image record: cut off");
  const Json json = TRY_CTX(json_text::parse(parts.before), "image record");
  JsonProblems problems("image record");
  const JsonNode root(json, problems);
  const auto version = root.require("version");
  const auto number = version ? version->as_uint() : std::nullopt;
  if (number && *number != kVersion)
    return fail(ErrorKind::kUnsupported, "image record: version {} (this program knows {})", *number,
                kVersion);
  auto manifest = TRY_CTX(codec::parse_image_manifest(parts.after), "image record");
  ImageRecord record{.manifest = std::move(manifest)};
  read_members(root, record);
  TRY(problems.to_result());
  return record;
}

}  // namespace agena::stage0
