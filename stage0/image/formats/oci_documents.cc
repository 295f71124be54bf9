#include "stage0/image/formats/oci_documents.h"

#include <algorithm>
#include <array>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/base/table.h"

namespace agena::stage0 {
namespace {

struct LayerType {
  std::string_view name;
  Compression compression;
};
constexpr std::array kLayerTypes = {
    LayerType{.name = "application/vnd.docker.image.rootfs.diff.tar", .compression = Compression::kNone},
    LayerType{.name = "application/vnd.docker.image.rootfs.diff.tar.gzip", .compression = Compression::kGzip},
    LayerType{.name = "application/vnd.docker.image.rootfs.diff.tar.zstd", .compression = Compression::kZstd},
    LayerType{.name = "application/vnd.docker.image.rootfs.foreign.diff.tar",
              .compression = Compression::kNone},
    LayerType{.name = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
              .compression = Compression::kGzip},
    LayerType{.name = "application/vnd.oci.image.layer.nondistributable.v1.tar",
              .compression = Compression::kNone},
    LayerType{.name = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
              .compression = Compression::kGzip},
    LayerType{.name = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
              .compression = Compression::kZstd},
    LayerType{.name = "application/vnd.oci.image.layer.v1.tar", .compression = Compression::kNone},
    LayerType{.name = "application/vnd.oci.image.layer.v1.tar+gzip", .compression = Compression::kGzip},
    LayerType{.name = "application/vnd.oci.image.layer.v1.tar+zstd", .compression = Compression::kZstd},
};
static_assert(sorted_by_name(kLayerTypes));

struct DocumentType {
  std::string_view name;
  OciKind kind;
};
constexpr std::array kDocumentTypes = {
    DocumentType{.name = "application/vnd.docker.distribution.manifest.list.v2+json",
                 .kind = OciKind::kIndex},
    DocumentType{.name = "application/vnd.docker.distribution.manifest.v2+json", .kind = OciKind::kManifest},
    DocumentType{.name = "application/vnd.oci.image.index.v1+json", .kind = OciKind::kIndex},
    DocumentType{.name = "application/vnd.oci.image.manifest.v1+json", .kind = OciKind::kManifest},
};
static_assert(sorted_by_name(kDocumentTypes));

constexpr std::array<std::string_view, 2> kConfigTypes = {"application/vnd.docker.container.image.v1+json",
                                                          "application/vnd.oci.image.config.v1+json"};

std::string read_text(const JsonNode& object, std::string_view key) {
  const auto node = object.find(key);
  return node ? node->as_string().value_or("") : "";
}

std::vector<std::string> read_texts(const JsonNode& object, std::string_view key) {
  std::vector<std::string> texts;
  if (const auto node = object.find(key))
    node->each([&](const JsonNode& element) {
      if (auto text = element.as_string()) texts.push_back(*std::move(text));
    });
  return texts;
}

// Keys of an object whose values do not count (config.md: `Volumes` and `ExposedPorts` are sets).
std::vector<std::string> read_set(const JsonNode& object, std::string_view key) {
  std::vector<std::string> keys;
  if (const auto node = object.find(key))
    node->each_member([&](const std::string& member, const JsonNode&) { keys.push_back(member); });
  return keys;
}

std::map<std::string, std::string> read_map(const JsonNode& object, std::string_view key) {
  std::map<std::string, std::string> map;
  if (const auto node = object.find(key))
    node->each_member([&](const std::string& member, const JsonNode& value) {
      // docker writes null for an empty value here and there.
      if (value.raw().is_null())
        map.emplace(member, "");
      else if (auto text = value.as_string())
        map.emplace(member, *std::move(text));
    });
  return map;
}

Platform read_platform(const JsonNode& object) {
  return {.os = read_text(object, "os"),
          .arch = read_text(object, "architecture"),
          .variant = read_text(object, "variant")};
}

std::optional<OciDescriptor> read_descriptor(const JsonNode& node) {
  const auto digest_node = node.require("digest");
  const auto size_node = node.require("size");
  std::string media_type = read_text(node, "mediaType");
  auto digest = digest_node ? digest_node->parsed(Digest::parse) : std::nullopt;
  const auto size = size_node ? size_node->as_uint(INT64_MAX) : std::nullopt;
  if (!digest || !size) return std::nullopt;
  OciDescriptor descriptor{.media_type = std::move(media_type),
                           .digest = *std::move(digest),
                           .size = *size,
                           .annotations = read_map(node, "annotations")};
  if (const auto platform = node.find("platform"))
    if (platform->is_object()) descriptor.platform = read_platform(*platform);
  return descriptor;
}

std::vector<OciDescriptor> read_descriptors(const JsonNode& object, std::string_view key) {
  std::vector<OciDescriptor> descriptors;
  if (const auto node = object.require(key))
    node->each([&](const JsonNode& element) {
      if (auto descriptor = read_descriptor(element)) descriptors.push_back(*std::move(descriptor));
    });
  return descriptors;
}

// Both documents: schemaVersion 2, and a media type, if given, of the kind that is read.
void check_document(const JsonNode& root, OciKind kind, std::string_view foreign_member) {
  const auto version_node = root.require("schemaVersion");
  const auto version = version_node ? version_node->as_int(0, INT32_MAX) : std::nullopt;
  if (version && *version == 1)
    version_node->complain("docker's old image format (schema 1) is not supported");
  else if (version && *version != 2)
    version_node->complain("must be 2");
  const std::string media_type = read_text(root, "mediaType");
  if (!media_type.empty() && kind_of_media_type(media_type) != kind)
    root.complain(fmt::format("has the media type '{}'", printable(media_type)));
  if (root.find(foreign_member)) root.complain(fmt::format("has '{}' as well", foreign_member));
}

}  // namespace

std::string OciDescriptor::annotation(const std::string& name) const {
  const auto it = annotations.find(name);
  return it == annotations.end() ? "" : it->second;
}

Result<OciIndex> parse_oci_index(std::string_view bytes) {
  const auto json = TRY_CTX(json_text::parse(bytes), "image index");
  JsonProblems problems("image index");
  const JsonNode root(json, problems);
  check_document(root, OciKind::kIndex, "layers");
  OciIndex index{.manifests = read_descriptors(root, "manifests")};
  TRY(problems.to_result());
  return index;
}

Result<OciManifest> parse_oci_manifest(std::string_view bytes) {
  const auto json = TRY_CTX(json_text::parse(bytes), "image manifest");
  JsonProblems problems("image manifest");
  const JsonNode root(json, problems);
  check_document(root, OciKind::kManifest, "manifests");
  auto config = std::optional<OciDescriptor>();
  if (const auto node = root.require("config")) config = read_descriptor(*node);
  auto layers = read_descriptors(root, "layers");
  if (layers.size() > kMaxLayers)
    root.complain(fmt::format("has {} layers; at most {} are taken", layers.size(), kMaxLayers));
  TRY(problems.to_result());
  if (!config) return fail(ErrorKind::kInternal, "image manifest: no config");
  return OciManifest{.config = *std::move(config), .layers = std::move(layers)};
}

namespace {

void read_run_settings(const JsonNode& node, OciConfig& config) {
  config.user = read_text(node, "User");
  config.env = read_texts(node, "Env");
  config.entrypoint = read_texts(node, "Entrypoint");
  config.cmd = read_texts(node, "Cmd");
  config.working_dir = read_text(node, "WorkingDir");
  config.stop_signal = read_text(node, "StopSignal");
  if (const auto check = node.find("Healthcheck")) config.healthcheck = life::read_health_settings(*check);
  config.exposed_ports = read_set(node, "ExposedPorts");
  config.volumes = read_set(node, "Volumes");
  config.labels = read_map(node, "Labels");
}

}  // namespace

Result<OciConfig> parse_oci_config(std::string_view bytes) {
  const auto json = TRY_CTX(json_text::parse(bytes), "image config");
  JsonProblems problems("image config");
  const JsonNode root(json, problems);
  OciConfig config{.platform = read_platform(root),
                   .created = read_text(root, "created"),
                   .author = read_text(root, "author")};
  if (const auto rootfs = root.require("rootfs")) {
    if (const std::string type = read_text(*rootfs, "type"); type != "layers")
      rootfs->complain(fmt::format("has the type '{}' instead of 'layers'", printable(type)));
    // An image without layers may have none or null.
    if (const auto diff_ids = rootfs->find("diff_ids"))
      diff_ids->each([&](const JsonNode& element) {
        if (auto digest = element.parsed(Digest::parse)) config.diff_ids.push_back(*std::move(digest));
      });
  }
  if (const auto settings = root.find("config")) read_run_settings(*settings, config);
  TRY(problems.to_result());
  return config;
}

OciKind kind_of_media_type(std::string_view media_type) {
  const auto* row = find_by_name(kDocumentTypes, media_type);
  return row == nullptr ? OciKind::kOther : row->kind;
}

Result<> check_config_media_type(std::string_view media_type) {
  if (std::ranges::find(kConfigTypes, media_type) != kConfigTypes.end()) return {};
  return fail(ErrorKind::kUnsupported, "its config has the media type '{}': an artifact, not an image",
              printable(media_type));
}

Result<Compression> compression_of_media_type(std::string_view media_type) {
  if (media_type.ends_with("+encrypted"))
    return fail(ErrorKind::kUnsupported, "the layer is encrypted (media type '{}')", printable(media_type));
  if (const auto* row = find_by_name(kLayerTypes, media_type)) return row->compression;
  return fail(ErrorKind::kUnsupported, "unknown media type '{}' of a layer", printable(media_type));
}

bool is_attestation(const OciDescriptor& descriptor) {
  if (descriptor.annotation("vnd.docker.reference.type") == "attestation-manifest") return true;
  return descriptor.platform && descriptor.platform->os == "unknown" &&
         descriptor.platform->arch == "unknown";
}

}  // namespace agena::stage0
