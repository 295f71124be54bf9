#include "stage0/export/oci_config.h"

#include <algorithm>
#include <array>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "manifests/schema/annotations.h"
#include "stage0/image/formats/oci_documents.h"

namespace agena::stage0 {
namespace {

using json_text::Json;

constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";

std::string layer_type(Compression compression) {
  const std::string base = "application/vnd.oci.image.layer.v1.tar";
  return compression == Compression::kNone ? base : base + "+" + to_string(compression);
}

// Rows of appc's arch labels whose spelling is not OCI's.
struct Arch {
  std::string_view label;
  const char* arch;
  const char* variant;
};
constexpr std::array kArchs = {
    Arch{.label = "i386", .arch = "386", .variant = ""},
    Arch{.label = "armv6l", .arch = "arm", .variant = "v6"},
    Arch{.label = "armv7l", .arch = "arm", .variant = "v7"},
    Arch{.label = "aarch64", .arch = "arm64", .variant = "v8"},
};

void set_platform(const schema::Labels& labels, Json& config) {
  const std::string* arch = labels.find("arch");
  const std::string* os = labels.find("os");
  const Platform host = host_platform();
  config["architecture"] = arch == nullptr ? host.arch : *arch;
  for (const Arch& row : kArchs)
    if (arch != nullptr && row.label == *arch) {
      config["architecture"] = row.arch;
      if (*row.variant != '\0') config["variant"] = row.variant;
    }
  config["os"] = os == nullptr ? "linux" : *os;
}

std::string user_of(const schema::App& app) {
  // A path whose owner is meant has no counterpart; root's is the default.
  if (app.user.empty() || app.user.starts_with('/') || app.group.starts_with('/')) return {};
  return app.group.empty() ? app.user : app.user + ":" + app.group;
}

Json settings_of(const schema::ImageManifest& manifest) {
  Json settings = Json::object();
  if (!manifest.app) return settings;
  const schema::App& app = *manifest.app;
  if (const std::string user = user_of(app); !user.empty()) settings["User"] = user;
  for (const schema::Port& port : app.ports)
    for (unsigned i = 0; i < std::max<unsigned>(port.count, 1); ++i)
      settings["ExposedPorts"][fmt::format("{}/{}", port.port + i, port.protocol)] = Json::object();
  for (const schema::EnvironmentVariable& variable : app.environment)
    settings["Env"].push_back(variable.name + "=" + variable.value);
  if (!app.exec.empty()) settings["Entrypoint"] = app.exec;
  for (const schema::MountPoint& point : app.mount_points) settings["Volumes"][point.path] = Json::object();
  if (!app.working_directory.empty()) settings["WorkingDir"] = app.working_directory;
  for (const auto& [name, value] : app.user_labels) settings["Labels"][name] = value;
  if (const std::string* signal = manifest.annotations.find(schema::annotation::kStopSignal))
    settings["StopSignal"] = *signal;
  return settings;
}

Json descriptor(const std::string& type, const Written& blob) {
  return {{"mediaType", type}, {"digest", blob.digest.str()}, {"size", blob.bytes}};
}

// Adjusts the history, which has an entry per layer and others that say that they made none.
void update_history(Json& config, std::size_t had, std::size_t has,
                    const std::vector<std::string>& created_by) {
  if (!config.contains("history")) return;
  Json& history = config["history"];
  // Imports do not look at it, so it may be anything.
  JsonProblems none_of_ours("history");
  const auto made_layer = [&](const Json& entry) {
    const auto empty = JsonNode(entry, none_of_ours).find("empty_layer");
    return !empty || !empty->as_bool().value_or(false);
  };
  const auto layers = history.is_array() ? std::ranges::count_if(history, made_layer) : 0;
  if (!none_of_ours.empty() || !history.is_array() || static_cast<std::size_t>(layers) != had ||
      has != had + created_by.size()) {
    config.erase("history");
    return;
  }
  for (const std::string& command : created_by) history.push_back({{"created_by", command}});
}

}  // namespace

Result<std::string> derive_config(const schema::ImageManifest& manifest) {
  Json config = Json::object();
  if (const std::string* created = manifest.annotations.find("created")) config["created"] = *created;
  if (const std::string* authors = manifest.annotations.find("authors")) config["author"] = *authors;
  set_platform(manifest.labels, config);
  config["config"] = settings_of(manifest);
  config["rootfs"] = {{"type", "layers"}, {"diff_ids", Json::array()}};
  return json_text::dump(config);
}

Result<std::string> config_with_layers(const std::string& config, const std::vector<Digest>& diff_ids,
                                       const std::vector<std::string>& created_by) {
  Json json = TRY_CTX(json_text::parse(config), "the image's config");
  if (!json.is_object()) return fail(ErrorKind::kInvalidInput, "the image's config is no JSON object");
  Json ids = Json::array();
  for (const Digest& digest : diff_ids) ids.push_back(digest.str());
  Json& rootfs = json["rootfs"];
  if (rootfs.is_object() && rootfs.contains("diff_ids") && rootfs["diff_ids"] == ids) return config;
  const std::size_t had = rootfs.is_object() && rootfs.contains("diff_ids") && rootfs["diff_ids"].is_array()
                              ? rootfs["diff_ids"].size()
                              : 0;
  rootfs = {{"type", "layers"}, {"diff_ids", std::move(ids)}};
  update_history(json, had, diff_ids.size(), created_by);
  return json_text::dump(json);
}

Result<std::string> make_oci_manifest(const Written& config, const std::vector<WrittenLayer>& layers) {
  Json manifest = Json::object();
  manifest["schemaVersion"] = 2;
  manifest["mediaType"] = kOciManifestType;
  manifest["config"] = descriptor(kConfigType, config);
  manifest["layers"] = Json::array();
  for (const WrittenLayer& layer : layers)
    manifest["layers"].push_back(descriptor(layer_type(layer.compression), layer.blob));
  return json_text::dump(manifest);
}

std::string manifest_type(const std::string& manifest) {
  const auto json = json_text::parse(manifest);
  if (!json) return kOciManifestType;
  JsonProblems none_of_ours("manifest");
  const auto type = JsonNode(*json, none_of_ours).find("mediaType");
  return type ? type->as_string().value_or(kOciManifestType) : kOciManifestType;
}

bool manifest_lists(const std::string& manifest, const Written& config,
                    const std::vector<WrittenLayer>& layers) {
  const auto parsed = parse_oci_manifest(manifest);
  if (!parsed || parsed->config.digest != config.digest || parsed->layers.size() != layers.size())
    return false;
  return std::ranges::equal(parsed->layers, layers, [](const OciDescriptor& one, const WrittenLayer& layer) {
    return one.digest == layer.blob.digest;
  });
}

Result<std::string> make_oci_index(const Written& manifest, const std::string& ref_name,
                                   const std::string& full_name) {
  Json entry = descriptor(kOciManifestType, manifest);
  if (!full_name.empty()) entry["annotations"]["io.containerd.image.name"] = full_name;
  if (!ref_name.empty()) entry["annotations"]["org.opencontainers.image.ref.name"] = ref_name;
  Json index = Json::object();
  index["schemaVersion"] = 2;
  index["mediaType"] = kIndexType;
  index["manifests"] = Json::array({std::move(entry)});
  return json_text::dump(index);
}

Result<std::string> make_docker_manifest(const std::string& config_name,
                                         const std::vector<std::string>& repo_tags,
                                         const std::vector<std::string>& layer_names) {
  Json image = Json::object();
  image["Config"] = config_name;
  image["RepoTags"] = repo_tags;
  image["Layers"] = layer_names;
  return json_text::dump(Json::array({std::move(image)}));
}

}  // namespace agena::stage0
