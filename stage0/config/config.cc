#include "stage0/config/config.h"

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "common/base/json_node.h"
#include "common/base/secret_json.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

constexpr std::string_view kVersion = "v1";

// Reads one document of a kind into the configuration of the directory that is being read.
using KindReader = void (*)(const JsonNode& document, Config& layer);

std::string required_text(const JsonNode& node, std::string_view key) {
  const auto member = node.require(key);
  if (!member) return {};
  std::string text = member->as_string().value_or("");
  if (text.empty() && member->raw().is_string()) member->complain("must not be empty");
  return text;
}

std::string optional_text(const JsonNode& node, std::string_view key) {
  const auto member = node.find(key);
  return member ? member->as_string().value_or("") : "";
}

// Sets one key of a directory; a second time is a complaint.
void set_once(const JsonNode& where, std::string_view what, std::string& target, std::string value) {
  if (value.empty()) return;
  if (!target.empty()) return where.complain(fmt::format("{} is already set in this directory", what));
  target = std::move(value);
}

// What may be secret: a wrong type is told without the value.
std::string required_secret(const JsonNode& node, std::string_view key) {
  const auto member = node.find(key);
  if (!member || member->raw().is_string()) return required_text(node, key);
  member->complain("must be a string");
  return {};
}

BasicCredentials read_basic(const JsonNode& node) {
  return {required_secret(node, "user"), required_secret(node, "password")};
}

std::optional<Credentials> read_credentials(const JsonNode& node, const std::string& type) {
  if (type == "basic") return read_basic(node);
  if (type == "oauth") return OAuthCredentials{required_secret(node, "token")};
  if (type == "aws")
    return AwsCredentials{required_secret(node, "accessKeyID"), required_secret(node, "secretAccessKey"),
                          optional_text(node, "awsRegion")};
  return std::nullopt;
}

// Files one value under each string of a non-empty array.
template <class Value>
void set_for_each(const JsonNode& names, const Value& value, std::map<std::string, Value>& target) {
  bool any = false;
  names.each([&](const JsonNode& element) {
    any = true;
    const std::string name = element.as_string().value_or("");
    if (name.empty()) return element.complain("must not be empty");
    if (!target.emplace(name, value).second)
      element.complain(fmt::format("'{}' is already set in this directory", printable(name)));
  });
  if (!any && names.raw().is_array()) names.complain("must not be empty");
}

void read_auth(const JsonNode& document, Config& layer) {
  const std::string type = required_text(document, "type");
  const auto domains = document.require("domains");
  const auto node = document.require("credentials");
  if (!domains || !node) return;
  if (!node->is_object()) return node->complain("must be an object");
  const auto credentials = read_credentials(*node, type);
  if (!credentials)
    return document.complain(fmt::format("unknown type '{}' (basic, oauth, aws)", printable(type)));
  set_for_each(*domains, *credentials, layer.auth);
}

void read_docker_auth(const JsonNode& document, Config& layer) {
  const auto registries = document.require("registries");
  const auto node = document.require("credentials");
  if (node && !node->is_object()) return node->complain("must be an object");
  if (registries && node) set_for_each(*registries, read_basic(*node), layer.registry_auth);
}

void set_path(const JsonNode& document, std::string_view key, std::string& target) {
  std::string path = optional_text(document, key);
  if (!path.empty() && !path.starts_with('/'))
    return document.complain(fmt::format("{}: '{}' is not an absolute path", key, printable(path)));
  set_once(document, key, target, std::move(path));
}

void read_paths(const JsonNode& document, Config& layer) {
  set_path(document, "data", layer.paths.data);
  set_path(document, "stage1-images", layer.paths.stage1_images);
}

bool is_location(std::string_view text) {
  static constexpr std::array<std::string_view, 5> kStarts = {"/", "file://", "docker://", "http://",
                                                              "https://"};
  return std::ranges::any_of(kStarts, [&](std::string_view start) { return text.starts_with(start); });
}

void read_stage1(const JsonNode& document, Config& layer) {
  std::string name = optional_text(document, "name");
  std::string version = optional_text(document, "version");
  std::string location = optional_text(document, "location");
  if (name.empty() != version.empty()) return document.complain("name and version belong together");
  if (!location.empty() && !is_location(location))
    return document.complain(
        fmt::format("location: '{}' is neither an absolute path nor a file, docker, http or https URL",
                    printable(location)));
  set_once(document, "name", layer.stage1.name, std::move(name));
  set_once(document, "version", layer.stage1.version, std::move(version));
  set_once(document, "location", layer.stage1.location, std::move(location));
}

struct KindRow {
  ConfigParts part;
  const char* directory;
  std::string_view kind;
  KindReader read;
};
constexpr std::array kKinds = {
    KindRow{kAuthParts, "auth.d", "auth", read_auth},
    KindRow{kAuthParts, "auth.d", "dockerAuth", read_docker_auth},
    KindRow{kPathsParts, "paths.d", "paths", read_paths},
    KindRow{kStage1Parts, "stage1.d", "stage1", read_stage1},
};

Result<> read_document(const std::string& path, std::string_view directory, std::string_view bytes,
                       Config& layer) {
  const auto parse = directory == "auth.d" ? json_text::parse_secret : json_text::parse;
  const json_text::Json json = TRY_CTX(parse(bytes, json_text::Limits()), "configuration file '{}'", path);
  JsonProblems problems(fmt::format("configuration file '{}'", path));
  const JsonNode document(json, problems);
  const std::string kind = required_text(document, "rktKind");
  const std::string version = required_text(document, "rktVersion");
  if (!version.empty() && version != kVersion)
    document.complain(fmt::format("rktVersion '{}' is unknown (this is {})", printable(version), kVersion));
  const auto row = std::ranges::find_if(kKinds, [&](const KindRow& candidate) {
    return candidate.directory == directory && candidate.kind == kind;
  });
  if (row == kKinds.end() && !kind.empty())
    document.complain(fmt::format("rktKind '{}' does not belong into {}", printable(kind), directory));
  if (row != kKinds.end() && problems.empty()) row->read(document, layer);
  return problems.to_result();
}

// Reads the files of one subdirectory.
Result<> read_subdirectory(const std::string& base, const std::string& name, Config& layer) {
  const std::string path = fmt::format("{}/{}", base, name);
  auto directory = sys::open_dir(path);
  if (!directory && directory.error().kind() == ErrorKind::kNotFound) return {};
  if (!directory) return std::unexpected(std::move(directory).error().with_context("reading configuration"));
  for (const std::string& file : TRY(sys::list_dir(*directory))) {
    if (!file.ends_with(".json")) continue;
    const std::string file_path = fmt::format("{}/{}", path, file);
    const struct stat st = TRY_CTX(sys::stat_at(*directory, file), "configuration file '{}'", file_path);
    if (!S_ISREG(st.st_mode)) continue;
    const std::string bytes = TRY_CTX(sys::read_file(*directory, file), "configuration file '{}'", file_path);
    TRY(read_document(file_path, name, bytes, layer));
  }
  return {};
}

void overlay_text(std::string& below, std::string& above) {
  if (!above.empty()) below = std::move(above);
}

void overlay(Config& below, Config above) {
  for (auto& [domain, credentials] : above.auth) below.auth[domain] = std::move(credentials);
  for (auto& [registry, credentials] : above.registry_auth)
    below.registry_auth[registry] = std::move(credentials);
  overlay_text(below.paths.data, above.paths.data);
  overlay_text(below.paths.stage1_images, above.paths.stage1_images);
  overlay_text(below.stage1.name, above.stage1.name);
  overlay_text(below.stage1.version, above.stage1.version);
  overlay_text(below.stage1.location, above.stage1.location);
}

json_text::Json document_of(std::string_view kind) { return {{"rktVersion", kVersion}, {"rktKind", kind}}; }

json_text::Json to_json(const BasicCredentials& credentials) {
  return {{"user", credentials.user}, {"password", credentials.password}};
}

struct CredentialsWriter {
  json_text::Json& document;
  void operator()(const BasicCredentials& basic) const {
    document["type"] = "basic";
    document["credentials"] = to_json(basic);
  }
  void operator()(const OAuthCredentials& oauth) const {
    document["type"] = "oauth";
    document["credentials"] = {{"token", oauth.token}};
  }
  void operator()(const AwsCredentials& aws) const {
    document["type"] = "aws";
    document["credentials"] = {{"accessKeyID", aws.access_key_id},
                               {"secretAccessKey", aws.secret_access_key}};
    if (!aws.region.empty()) document["credentials"]["awsRegion"] = aws.region;
  }
};

}  // namespace

Result<Config> load_config(std::span<const std::string> directories, ConfigParts parts) {
  Config config;
  for (const std::string& directory : directories) {
    if (directory.empty()) continue;
    Config layer;
    std::string_view done;
    for (const KindRow& row : kKinds) {
      if ((parts & row.part) == 0 || done == row.directory) continue;
      done = row.directory;
      TRY(read_subdirectory(directory, row.directory, layer));
    }
    overlay(config, std::move(layer));
  }
  return config;
}

Result<std::string> render_config(const Config& config, bool pretty) {
  json_text::Json documents = json_text::Json::array();
  for (const auto& [domain, credentials] : config.auth) {
    json_text::Json document = document_of("auth");
    document["domains"] = {domain};
    std::visit(CredentialsWriter{document}, credentials);
    documents.push_back(std::move(document));
  }
  for (const auto& [registry, credentials] : config.registry_auth) {
    json_text::Json document = document_of("dockerAuth");
    document["registries"] = {registry};
    document["credentials"] = to_json(credentials);
    documents.push_back(std::move(document));
  }
  json_text::Json paths = document_of("paths");
  if (!config.paths.data.empty()) paths["data"] = config.paths.data;
  if (!config.paths.stage1_images.empty()) paths["stage1-images"] = config.paths.stage1_images;
  documents.push_back(std::move(paths));
  json_text::Json stage1 = document_of("stage1");
  if (!config.stage1.name.empty()) stage1["name"] = config.stage1.name;
  if (!config.stage1.version.empty()) stage1["version"] = config.stage1.version;
  if (!config.stage1.location.empty()) stage1["location"] = config.stage1.location;
  documents.push_back(std::move(stage1));
  const json_text::Json document = {{"stage0", std::move(documents)}};
  return pretty ? json_text::dump_pretty(document) : json_text::dump(document);
}

}  // namespace agena::stage0
