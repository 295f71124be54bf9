#include "stage0/image/derive_manifest.h"

#include <algorithm>
#include <array>
#include <set>

#include "common/base/json_text.h"
#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/passwd.h"
#include "common/sys/signals.h"
#include "manifests/codec/image_manifest.h"
#include "manifests/schema/annotations.h"
#include "stage0/image/link_path.h"
#include "stage0/store/docker_name.h"

namespace agena::stage0 {
namespace {

using schema::AcIdentifier;
using schema::AcName;

// --- name and labels ---

struct ArchRow {
  std::string_view arch;  // OCI's
  std::string_view variant;
  std::string_view label;  // appc's
};
constexpr std::array kArchs = {
    ArchRow{.arch = "386", .variant = "", .label = "i386"},
    ArchRow{.arch = "amd64", .variant = "", .label = "amd64"},
    ArchRow{.arch = "arm", .variant = "v6", .label = "armv6l"},
    ArchRow{.arch = "arm", .variant = "", .label = "armv7l"},
    ArchRow{.arch = "arm64", .variant = "", .label = "aarch64"},
};

struct Naming {
  std::string name;
  std::string version;
};

// docker2aci's names: docker.io's images are those of its registry's host.
Naming naming_of(const LayeredImage& image) {
  if (image.names.full.empty())
    return {.name = image.names.source, .version = image.names.tag.empty() ? "latest" : image.names.tag};
  const auto parsed = parse_docker_name(image.names.full.front());
  if (!parsed) return {.name = image.names.source, .version = "latest"};
  const std::string host = parsed->domain == "docker.io" ? "registry-1.docker.io" : parsed->domain;
  return {.name = host + "/" + parsed->repository, .version = parsed->tag};
}

Result<AcIdentifier> identifier_of(const std::string& name) {
  if (auto identifier = AcIdentifier::sanitised(name)) return identifier;
  return AcIdentifier::parse("image");
}

Result<> add_labels(const LayeredImage& image, const std::string& version, schema::Labels& labels) {
  labels.set(TRY(AcIdentifier::parse("version")), version);
  // An image that does not say what it is for is for Linux on this machine, as far as anybody can tell.
  Platform platform = image.config.platform;
  if (platform.os.empty()) platform.os = "linux";
  if (platform.arch.empty()) platform.arch = host_platform().arch;
  labels.set(TRY(AcIdentifier::parse("os")), platform.os);
  labels.set(TRY(AcIdentifier::parse("arch")), arch_label(platform));
  return {};
}

Result<std::string> json_array(const std::vector<std::string>& texts) {
  json_text::Json array = json_text::Json::array();
  for (const std::string& text : texts) array.push_back(text);
  return json_text::dump(array);
}

Result<> annotate(schema::Annotations& annotations, std::string_view name, const std::string& value) {
  if (!value.empty()) annotations.set(TRY(AcIdentifier::parse(name)), value);
  return {};
}

// What the image says about the life of its app. What makes no sense is left out: the image can still be run.
Result<> add_life(const OciConfig& config, schema::Annotations& annotations) {
  if (!config.stop_signal.empty()) {
    const auto signal = sys::parse_signal(config.stop_signal);
    if (signal)
      TRY(annotate(annotations, schema::annotation::kStopSignal, sys::signal_text(*signal)));
    else
      log::debug("image: the stop signal '{}' is left out", printable(config.stop_signal));
  }
  if (!config.healthcheck) return {};
  const auto check = life::make_health_check(*config.healthcheck);
  if (!check)
    log::debug("image: {}", check.error().to_string());
  else if (*check)
    TRY(annotate(annotations, schema::annotation::kHealthCheck,
                 TRY(life::render_health_settings(*config.healthcheck))));
  return {};
}

Result<> add_annotations(const LayeredImage& image, schema::Annotations& annotations) {
  const OciConfig& config = image.config;
  TRY(annotate(annotations, "created", config.created));
  TRY(annotate(annotations, "authors", config.author));
  TRY(add_life(config, annotations));
  if (!config.entrypoint.empty())
    TRY(annotate(annotations, "appc.io/docker/entrypoint", TRY(json_array(config.entrypoint))));
  if (!config.cmd.empty()) TRY(annotate(annotations, "appc.io/docker/cmd", TRY(json_array(config.cmd))));
  if (image.config_document)
    TRY(annotate(annotations, "appc.io/docker/imageid", image.config_document->digest.hex()));
  if (image.manifest) TRY(annotate(annotations, "appc.io/docker/manifesthash", image.manifest->digest.str()));
  if (image.names.full.empty()) return {};
  TRY(annotate(annotations, "appc.io/docker/originalname", image.names.full.front()));
  if (const auto name = parse_docker_name(image.names.full.front())) {
    TRY(annotate(annotations, "appc.io/docker/registryurl", name->domain));
    TRY(annotate(annotations, "appc.io/docker/repository", name->repository));
    TRY(annotate(annotations, "appc.io/docker/tag", name->tag));
  }
  return {};
}

// --- user and group ---

constexpr std::string_view kRootId = "0";

bool is_number(std::string_view text) { return sys::parse_id(text).has_value(); }

// docker's rules: a user without a group gets the primary group of its passwd entry (0 without one), and a
// user given by name also the groups that list it. A name that the image does not know is kept: starting it
// says so.
Result<> set_identity(const std::string& text, const RootFileReader& read_file, schema::App& app) {
  const Cut parts = cut(text, ':');
  app.user = parts.before.empty() ? kRootId : parts.before;
  app.group = parts.after.empty() ? kRootId : parts.after;
  if (!parts.after.empty() || parts.before.empty()) return {};
  const auto passwd = TRY(read_file("etc/passwd"));
  if (!passwd) return {};
  const bool number = is_number(app.user);
  const std::vector<sys::PasswdEntry> users = sys::parse_passwd(*passwd);
  const auto user = std::ranges::find_if(users, [&](const sys::PasswdEntry& entry) {
    return number ? sys::parse_id(app.user) == entry.uid : entry.name == app.user;
  });
  if (user == users.end()) return {};
  app.group = std::to_string(user->gid);
  if (number) return {};
  const auto groups = TRY(read_file("etc/group"));
  if (!groups) return {};
  for (const sys::GroupEntry& group : sys::parse_group(*groups))
    if (group.gid != user->gid && std::ranges::find(group.members, user->name) != group.members.end())
      app.supplementary_gids.push_back(group.gid);
  return {};
}

// --- the rest of the app ---

void set_environment(const std::vector<std::string>& entries, schema::App& app) {
  for (const std::string& entry : entries) {
    const Cut pair = cut(entry, '=');
    if (!pair.found || pair.before.empty() || entry.find('\0') != std::string::npos) {
      log::debug("image: the environment entry '{}' is left out", printable(entry));
      continue;
    }
    const auto it = std::ranges::find(app.environment, pair.before, &schema::EnvironmentVariable::name);
    // The last one counts, at the place of the first.
    if (it != app.environment.end())
      it->value = pair.after;
    else
      app.environment.push_back({std::string(pair.before), std::string(pair.after)});
  }
}

// "80", "80/tcp", "8000-8010/UDP".
Result<schema::Port> parse_port(std::string_view text) {
  const Cut parts = cut(text, '/');
  const Cut range = cut(parts.before, '-');
  const auto first = TRY(parse_uint(range.before, UINT16_MAX));
  const auto last = range.found ? TRY(parse_uint(range.after, UINT16_MAX)) : first;
  if (first == 0 || last < first) return fail(ErrorKind::kInvalidInput, "no port");
  const std::string protocol = parts.found ? to_lower(parts.after) : "tcp";
  constexpr std::array<std::string_view, 3> kProtocols = {"tcp", "udp", "sctp"};
  if (std::ranges::find(kProtocols, protocol) == kProtocols.end())
    return fail(ErrorKind::kInvalidInput, "unknown protocol");
  const std::string name = fmt::format("{}-{}", parts.before, protocol);
  return schema::Port{.name = TRY(AcName::parse(name)),
                      .protocol = protocol,
                      .port = static_cast<std::uint16_t>(first),
                      .count = static_cast<std::uint16_t>(last - first + 1)};
}

void set_ports(std::vector<std::string> texts, schema::App& app) {
  std::ranges::sort(texts);
  for (const std::string& text : texts) {
    auto port = parse_port(text);
    const bool taken = port && std::ranges::any_of(app.ports, [&](const schema::Port& other) {
                         return other.name == port->name;
                       });
    if (port && !taken)
      app.ports.push_back(*std::move(port));
    else if (!port)
      log::debug("image: the exposed port '{}' is left out", printable(text));
  }
}

// Sorted by path, so that the numbers of clashing names are the same each time.
Result<> set_mount_points(std::vector<std::string> paths, schema::App& app) {
  for (std::string& path : paths) path = "/" + link_path("", path);
  std::ranges::sort(paths);
  paths.erase(std::ranges::unique(paths).begin(), paths.end());
  std::set<std::string> names;
  for (const std::string& path : paths) {
    if (path == "/") continue;
    const std::string base = TRY(AcName::sanitised("volume" + path)).str();
    std::string name = base;
    for (int number = 1; !names.insert(name).second; ++number) name = fmt::format("{}-{}", base, number);
    app.mount_points.push_back({.name = TRY(AcName::parse(name)), .path = path});
  }
  return {};
}

Result<schema::App> derive_app(const OciConfig& config, const RootFileReader& read_file) {
  schema::App app;
  app.exec = config.entrypoint;
  app.exec.insert(app.exec.end(), config.cmd.begin(), config.cmd.end());
  // `ENTRYPOINT [""]` is docker's way to have none.
  while (!app.exec.empty() && app.exec.front().empty()) app.exec.erase(app.exec.begin());
  TRY(set_identity(config.user, read_file, app));
  set_environment(config.env, app);
  set_ports(config.exposed_ports, app);
  TRY(set_mount_points(config.volumes, app));
  if (!config.working_dir.empty()) app.working_directory = "/" + link_path("", config.working_dir);
  for (const auto& [key, value] : config.labels) app.user_labels.emplace(key, value);
  return app;
}

}  // namespace

std::string arch_label(const Platform& platform) {
  for (const ArchRow& row : kArchs)
    if (row.arch == platform.arch && (row.variant.empty() || row.variant == platform.variant))
      return std::string(row.label);
  return platform.arch;
}

Result<schema::ImageManifest> derive_manifest(const LayeredImage& image, const RootFileReader& read_file) {
  const Naming naming = naming_of(image);
  schema::ImageManifest manifest{.name = TRY(identifier_of(naming.name))};
  TRY(add_labels(image, naming.version, manifest.labels));
  TRY(add_annotations(image, manifest.annotations));
  manifest.app = TRY(derive_app(image.config, read_file));
  TRY_CTX(codec::validate_image_manifest(manifest), "the image's config");
  return manifest;
}

}  // namespace agena::stage0
