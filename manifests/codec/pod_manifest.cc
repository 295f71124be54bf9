#include "manifests/codec/pod_manifest.h"

#include "manifests/codec/app.h"
#include "manifests/codec/document.h"
#include "manifests/codec/parts.h"
#include "manifests/isolators/isolator_json.h"
#include "manifests/json/object_reader.h"
#include "manifests/json/object_writer.h"

namespace agena::codec {

using json::ObjectReader;
using json::ObjectWriter;
using json::UniqueNames;
using json::write_array;
using json_text::Json;
using schema::AcIdentifier;
using schema::AcName;
using schema::PodManifest;
using schema::RuntimeApp;
using schema::RuntimeImage;

namespace {

constexpr DocumentKind kDocument = {.name = "pod manifest", .ac_kind = "PodManifest"};

std::optional<RuntimeImage> read_runtime_image(const JsonNode& node) {
  ObjectReader object(node);
  const auto id_node = object.require("id");
  const auto name_node = object.find("name");
  const auto labels_node = object.find("labels");
  auto id = id_node ? id_node->parsed(schema::ImageId::parse) : std::nullopt;
  auto name = name_node ? name_node->parsed(AcIdentifier::parse) : std::nullopt;
  auto labels = labels_node ? read_labels(*labels_node) : schema::Labels();
  if (!id) return std::nullopt;
  return RuntimeImage{*std::move(id), std::move(name), std::move(labels), object.extra()};
}

std::optional<RuntimeApp> read_runtime_app(const JsonNode& node, UniqueNames& names) {
  ObjectReader object(node);
  const auto name_node = object.require("name");
  const auto image_node = object.require("image");
  const auto app_node = object.find("app");
  const auto read_only_node = object.find("readOnlyRootFS");
  const auto mounts_node = object.find("mounts");
  const auto annotations_node = object.find("annotations");
  auto name = name_node ? name_node->parsed(AcName::parse) : std::nullopt;
  if (name && !names.add(*name_node, name->str())) name.reset();
  auto image = image_node ? read_runtime_image(*image_node) : std::nullopt;
  auto app = app_node ? read_app(*app_node) : std::nullopt;
  const bool read_only = read_only_node && read_only_node->as_bool().value_or(false);
  std::vector<schema::Mount> mounts;
  if (mounts_node)
    mounts_node->each([&](const JsonNode& element) {
      if (auto mount = read_mount(element)) mounts.push_back(*std::move(mount));
    });
  auto annotations = annotations_node ? read_annotations(*annotations_node) : schema::Annotations();
  if (!name || !image) return std::nullopt;
  return RuntimeApp{*std::move(name),  *std::move(image),      std::move(app), read_only,
                    std::move(mounts), std::move(annotations), object.extra()};
}

void read_volumes(const JsonNode& node, std::vector<schema::Volume>& volumes) {
  UniqueNames names("volume name");
  node.each([&](const JsonNode& element) {
    auto volume = read_volume(element);
    if (volume && names.add(element, volume->name.str())) volumes.push_back(*std::move(volume));
  });
}

// One port may be exposed at several places, but a place only once for it.
void read_exposed_ports(const JsonNode& node, std::vector<schema::ExposedPort>& ports) {
  UniqueNames places("port");
  node.each([&](const JsonNode& element) {
    auto port = read_exposed_port(element);
    if (!port) return;
    const std::string ip = port->host_ip.empty() ? "*" : port->host_ip;
    if (places.add(element, fmt::format("{} at {}:{}", port->name.str(), ip, port->host_port)))
      ports.push_back(*std::move(port));
  });
}

std::optional<PodManifest> read_members(ObjectReader& object, schema::Semver version) {
  PodManifest manifest;
  manifest.ac_version = std::move(version);
  // Required, but null is how Go writes the empty list of a pod whose apps are added later.
  if (const auto node = object.has("apps") ? object.find("apps") : object.require("apps")) {
    UniqueNames names("app name");
    node->each([&](const JsonNode& element) {
      if (auto app = read_runtime_app(element, names)) manifest.apps.push_back(*std::move(app));
    });
  }
  if (const auto node = object.find("volumes")) read_volumes(*node, manifest.volumes);
  if (const auto node = object.find("isolators")) manifest.isolators = isolators::read_isolators(*node);
  if (const auto node = object.find("annotations")) manifest.annotations = read_annotations(*node);
  if (const auto node = object.find("ports")) read_exposed_ports(*node, manifest.ports);
  if (const auto node = object.find("userAnnotations")) manifest.user_annotations = read_string_map(*node);
  if (const auto node = object.find("userLabels")) manifest.user_labels = read_string_map(*node);
  manifest.extra = object.extra();
  return manifest;
}

Result<Json> runtime_image_json(const RuntimeImage& image) {
  ObjectWriter object;
  if (image.name) object.add("name", image.name->str());
  object.add("id", image.id.str());
  if (!image.labels.empty()) object.add("labels", labels_json(image.labels));
  TRY(object.add_extra(image.extra));
  return object.take();
}

Result<Json> runtime_app_json(const RuntimeApp& app) {
  ObjectWriter object;
  object.add("name", app.name.str());
  object.add("image", TRY_CTX(runtime_image_json(app.image), "app '{}'", app.name.str()));
  if (app.app) object.add("app", TRY_CTX(app_json(*app.app), "app '{}'", app.name.str()));
  if (app.read_only_root_fs) object.add("readOnlyRootFS", true);
  if (!app.mounts.empty()) object.add("mounts", TRY(write_array(app.mounts, mount_json)));
  if (!app.annotations.empty()) object.add("annotations", annotations_json(app.annotations));
  TRY(object.add_extra(app.extra));
  return object.take();
}

// The lists are written even if they are empty: scripts loop over them.
Result<Json> pod_manifest_json(const PodManifest& manifest) {
  ObjectWriter object;
  add_header(object, kDocument, manifest.ac_version);
  object.add("apps", TRY(write_array(manifest.apps, runtime_app_json)));
  object.add("volumes", TRY(write_array(manifest.volumes, volume_json)));
  object.add("isolators", TRY(write_array(manifest.isolators, isolators::isolator_json)));
  object.add("annotations", annotations_json(manifest.annotations));
  object.add("ports", TRY(write_array(manifest.ports, exposed_port_json)));
  if (!manifest.user_annotations.empty())
    object.add("userAnnotations", string_map_json(manifest.user_annotations));
  if (!manifest.user_labels.empty()) object.add("userLabels", string_map_json(manifest.user_labels));
  TRY(object.add_extra(manifest.extra));
  return object.take();
}

}  // namespace

Result<PodManifest> parse_pod_manifest(std::string_view text) {
  return parse_document<PodManifest>(text, kDocument, read_members);
}

Result<std::string> write_pod_manifest(const PodManifest& manifest, TextStyle style) {
  return document_text(TRY_CTX(pod_manifest_json(manifest), "writing {}", kDocument.name), style);
}

Result<> validate_pod_manifest(const PodManifest& manifest) {
  const PodManifest again = TRY(parse_pod_manifest(TRY(write_pod_manifest(manifest))));
  if (again == manifest) return {};
  return fail(ErrorKind::kInvalidInput, "pod manifest holds values that cannot be written");
}

Result<> validate_pod_references(const PodManifest& manifest) {
  ErrorList errors;
  for (const RuntimeApp& app : manifest.apps)
    for (const schema::Mount& mount : app.mounts)
      if (!mount.app_volume && find_volume(manifest, mount.volume.str()) == nullptr)
        errors.add(Error(ErrorKind::kInvalidInput,
                         fmt::format("app '{}': dangling mount point '{}': the pod has no volume '{}'",
                                     app.name.str(), mount.path, mount.volume.str()))
                       .with_hint("--volume=NAME,kind=host,source=PATH gives the pod a volume"));
  return errors.to_result();
}

}  // namespace agena::codec
