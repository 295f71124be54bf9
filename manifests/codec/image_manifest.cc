#include "manifests/codec/image_manifest.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "manifests/codec/app.h"
#include "manifests/codec/document.h"
#include "manifests/codec/parts.h"
#include "manifests/json/object_reader.h"
#include "manifests/json/object_writer.h"

namespace agena::codec {

using json::ObjectReader;
using json::ObjectWriter;
using json::read_absolute_path;
using json::write_array;
using json_text::Json;
using schema::AcIdentifier;
using schema::Dependency;
using schema::ImageManifest;

namespace {

constexpr DocumentKind kDocument = {.name = "image manifest", .ac_kind = "ImageManifest"};

std::optional<Dependency> read_dependency(const JsonNode& node) {
  ObjectReader object(node);
  const auto name_node = object.require("imageName");
  const auto id_node = object.find("imageID");
  const auto labels_node = object.find("labels");
  const auto size_node = object.find("size");
  auto name = name_node ? name_node->parsed(AcIdentifier::parse) : std::nullopt;
  auto id = id_node ? id_node->parsed(schema::ImageId::parse) : std::nullopt;
  auto labels = labels_node ? read_labels(*labels_node) : schema::Labels();
  const auto size = size_node ? size_node->as_uint() : std::nullopt;
  if (!name) return std::nullopt;
  return Dependency{*std::move(name), std::move(id), std::move(labels), size, object.extra()};
}

Result<Json> dependency_json(const Dependency& dependency) {
  ObjectWriter object;
  object.add("imageName", dependency.image_name.str());
  if (dependency.image_id) object.add("imageID", dependency.image_id->str());
  if (!dependency.labels.empty()) object.add("labels", labels_json(dependency.labels));
  if (dependency.size) object.add("size", *dependency.size);
  TRY(object.add_extra(dependency.extra));
  return object.take();
}

std::optional<ImageManifest> read_members(ObjectReader& object, schema::Semver version) {
  const auto name_node = object.require("name");
  auto name = name_node ? name_node->parsed(AcIdentifier::parse) : std::nullopt;
  schema::Labels labels;
  std::optional<schema::App> app;
  schema::Annotations annotations;
  std::vector<Dependency> dependencies;
  std::vector<std::string> path_whitelist;
  if (const auto node = object.find("labels")) labels = read_labels(*node);
  if (const auto node = object.find("app")) app = read_app(*node);
  if (const auto node = object.find("annotations")) annotations = read_annotations(*node);
  if (const auto node = object.find("dependencies"))
    node->each([&](const JsonNode& element) {
      if (auto dependency = read_dependency(element)) dependencies.push_back(*std::move(dependency));
    });
  if (const auto node = object.find("pathWhitelist"))
    node->each([&](const JsonNode& element) {
      if (auto path = read_absolute_path(element)) path_whitelist.push_back(*std::move(path));
    });
  if (!name) return std::nullopt;
  return ImageManifest{
      *std::move(name),       std::move(version),      std::move(labels),         std::move(app),
      std::move(annotations), std::move(dependencies), std::move(path_whitelist), object.extra()};
}

Result<Json> image_manifest_json(const ImageManifest& manifest) {
  ObjectWriter object;
  add_header(object, kDocument, manifest.ac_version);
  object.add("name", manifest.name.str());
  if (!manifest.labels.empty()) object.add("labels", labels_json(manifest.labels));
  if (manifest.app) object.add("app", TRY_CTX(app_json(*manifest.app), "app"));
  if (!manifest.annotations.empty()) object.add("annotations", annotations_json(manifest.annotations));
  if (!manifest.dependencies.empty())
    object.add("dependencies", TRY(write_array(manifest.dependencies, dependency_json)));
  if (!manifest.path_whitelist.empty()) object.add("pathWhitelist", manifest.path_whitelist);
  TRY(object.add_extra(manifest.extra));
  return object.take();
}

// Platforms that pods can run: rkt's list for Linux.
struct Platform {
  std::string_view name;  // value of the label `os`
  std::array<std::string_view, 8> archs;
};
constexpr std::array kPlatforms = {
    Platform{"linux", {"amd64", "i386", "aarch64", "aarch64_be", "armv6l", "armv7l", "armv7b", "ppc64le"}},
};
static_assert(sorted_by_name(kPlatforms));

}  // namespace

Result<ImageManifest> parse_image_manifest(std::string_view text) {
  return parse_document<ImageManifest>(text, kDocument, read_members);
}

Result<std::string> write_image_manifest(const ImageManifest& manifest, TextStyle style) {
  return document_text(TRY_CTX(image_manifest_json(manifest), "writing {}", kDocument.name), style);
}

Result<> validate_image_manifest(const ImageManifest& manifest) {
  const ImageManifest again = TRY(parse_image_manifest(TRY(write_image_manifest(manifest))));
  if (again == manifest) return {};
  return fail(ErrorKind::kInvalidInput, "image manifest '{}' holds values that cannot be written",
              manifest.name.str());
}

Result<> check_platform(const schema::Labels& labels) {
  const std::string* os = labels.find("os");
  if (os == nullptr) return fail(ErrorKind::kInvalidInput, "missing os label in the image manifest");
  const std::string* arch = labels.find("arch");
  if (arch == nullptr) return fail(ErrorKind::kInvalidInput, "missing arch label in the image manifest");
  const auto* platform = find_by_name(kPlatforms, *os);
  if (platform == nullptr) {
    std::vector<std::string> known;
    known.reserve(kPlatforms.size());
    for (const Platform& row : kPlatforms) known.emplace_back(row.name);
    return fail(ErrorKind::kInvalidInput, "bad os \"{}\" (must be one of: [{}])", printable(*os),
                join(known, " "));
  }
  if (std::ranges::find(platform->archs, *arch) != platform->archs.end()) return {};
  return fail(ErrorKind::kInvalidInput, "bad arch \"{}\" for {} (must be one of: [{}])", printable(*arch),
              *os, fmt::join(platform->archs, " "));
}

}  // namespace agena::codec
