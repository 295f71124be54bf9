#include "stage0/metadata/pod_registry.h"

#include <algorithm>
#include <array>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "manifests/codec/image_manifest.h"
#include "manifests/codec/pod_manifest.h"
#include "stage0/metadata/request_path.h"

namespace agena::stage0 {
namespace {

using json_text::Json;

// Far more than a host runs; a leak shall end somewhere.
constexpr std::size_t kMostPods = 16384;
constexpr const char* kKeyFile = "key";
constexpr std::string_view kSuffix = ".json";
// A pod manifest and image manifests of 4 MiB each.
constexpr std::size_t kMaxStateBytes = 256U << 20U;

struct SourceRow {
  TokenSource source;
  std::string_view name;
};
constexpr std::array kSources = {SourceRow{TokenSource::kAnywhere, "any"},
                                 SourceRow{TokenSource::kLoopback, "host"},
                                 SourceRow{TokenSource::kPod, "pod"}};

std::string path_of(const std::string& directory, const Uuid& uuid) {
  return directory + "/" + uuid.str() + std::string(kSuffix);
}

Result<std::string> dump(const RegisteredPod& pod) {
  Json apps = Json::object();
  for (const auto& [name, image] : pod.apps) apps[name] = image.text;
  const auto row = std::ranges::find(kSources, pod.source, &SourceRow::source);
  return json_text::dump(Json{{"token", pod.token},
                              {"source", row->name},
                              {"directory", pod.directory},
                              {"manifest", pod.pod.text},
                              {"apps", apps}});
}

// A pod as it was kept.
struct KeptPod {
  PodRegistration registration;
  std::map<std::string, std::string> apps;
};

Result<KeptPod> parse_kept(const std::string& text) {
  const Json json = TRY(json_text::parse(text, {.max_bytes = kMaxStateBytes}));
  JsonProblems problems("registered pod");
  const JsonNode node(json, problems);
  const auto text_of = [&](const char* key) -> std::string {
    const auto member = node.require(key);
    return member ? member->as_string().value_or("") : "";
  };
  KeptPod kept{.registration = {.token = text_of("token"),
                                .source = {},
                                .directory = text_of("directory"),
                                .manifest = text_of("manifest")},
               .apps = {}};
  const std::string source = text_of("source");
  const auto row = std::ranges::find(kSources, source, &SourceRow::name);
  if (const auto apps = node.require("apps"))
    apps->each_member([&](const std::string& name, const JsonNode& value) {
      kept.apps.emplace(name, value.as_string().value_or(""));
    });
  TRY(problems.to_result());
  if (row == kSources.end()) return fail(ErrorKind::kInvalidInput, "unknown source '{}'", printable(source));
  kept.registration.source = row->source;
  return kept;
}

Result<Signer> open_signer(const std::string& directory) {
  const std::string path = directory + "/" + kKeyFile;
  auto key = sys::read_file(sys::at_cwd(), path);
  if (key) {
    auto signer = Signer::with_key(*std::move(key));
    if (signer) return signer;
  } else if (key.error().sys_errno() != ENOENT) {
    return std::unexpected(key.error());
  }
  Signer signer = TRY(Signer::random());
  TRY(sys::replace_file(sys::at_cwd(), path, signer.key(), 0600));
  return signer;
}

}  // namespace

Result<std::unique_ptr<PodRegistry>> PodRegistry::open(const std::optional<std::string>& state_dir) {
  if (state_dir) TRY(sys::make_dir(sys::at_cwd(), *state_dir, 0700));
  Signer signer = state_dir ? TRY(open_signer(*state_dir)) : TRY(Signer::random());
  auto registry = std::unique_ptr<PodRegistry>(new PodRegistry(state_dir, std::move(signer)));
  TRY(registry->load());
  return registry;
}

Result<> PodRegistry::load() {
  if (!state_dir_) return {};
  const auto restore = [&](const Uuid& uuid) -> Result<> {
    const KeptPod kept =
        TRY(parse_kept(TRY(sys::read_file(sys::at_cwd(), path_of(*state_dir_, uuid), kMaxStateBytes))));
    const std::string& directory = kept.registration.directory;
    if (!directory.empty() && !TRY(sys::exists(sys::at_cwd(), directory)))
      return fail(ErrorKind::kNotFound, "its directory is gone");
    TRY(put_pod(uuid, kept.registration));
    for (const auto& [app, manifest] : kept.apps) TRY(put_app(uuid, app, manifest));
    return {};
  };
  for (const std::string& name : TRY(sys::list_dir(sys::at_cwd(), *state_dir_))) {
    if (!name.ends_with(kSuffix)) continue;
    const auto uuid = Uuid::parse(std::string_view(name).substr(0, name.size() - kSuffix.size()));
    if (!uuid) continue;
    const auto restored = restore(*uuid);
    if (restored) continue;
    log::debug("forgetting pod '{}': {}", uuid->str(), restored.error().to_string());
    if (!TRY(remove(*uuid, ""))) TRY(sys::remove_file(sys::at_cwd(), path_of(*state_dir_, *uuid)));
  }
  return {};
}

Result<> PodRegistry::keep(const RegisteredPod& pod) const {
  if (!state_dir_) return {};
  return sys::replace_file(sys::at_cwd(), path_of(*state_dir_, pod.uuid), TRY(dump(pod)), 0600);
}

Result<> PodRegistry::put_pod(const Uuid& uuid, const PodRegistration& registration) {
  if (!is_token(registration.token))
    return fail(ErrorKind::kInvalidInput, "the token is not {} hex digits", kTokenLength);
  auto manifest = TRY(codec::parse_pod_manifest(registration.manifest));
  const std::lock_guard lock(mutex_);
  const auto owner = by_token_.find(registration.token);
  if (owner != by_token_.end() && owner->second->uuid != uuid)
    return fail(ErrorKind::kAlreadyExists, "another pod has this token");
  const auto known = pods_.find(uuid);
  if (known == pods_.end() && pods_.size() >= kMostPods)
    return fail(ErrorKind::kBusy, "there are {} registered pods already", kMostPods);
  auto pod =
      std::make_shared<RegisteredPod>(RegisteredPod{.uuid = uuid,
                                                    .token = registration.token,
                                                    .source = registration.source,
                                                    .directory = registration.directory,
                                                    .pod = {registration.manifest, std::move(manifest)}});
  if (known != pods_.end())
    for (const auto& [name, image] : known->second->apps)
      if (schema::find_app(pod->pod.manifest, name) != nullptr) pod->apps.emplace(name, image);
  TRY(keep(*pod));
  if (known != pods_.end()) by_token_.erase(known->second->token);
  by_token_.insert_or_assign(pod->token, pod);
  pods_.insert_or_assign(uuid, std::move(pod));
  return {};
}

Result<> PodRegistry::put_app(const Uuid& uuid, const std::string& app, const std::string& manifest) {
  auto image = TRY(codec::parse_image_manifest(manifest));
  const std::lock_guard lock(mutex_);
  const auto known = pods_.find(uuid);
  if (known == pods_.end()) return fail(ErrorKind::kNotFound, "pod '{}' is not registered", uuid.str());
  if (schema::find_app(known->second->pod.manifest, app) == nullptr)
    return fail(ErrorKind::kNotFound, "pod '{}' has no app '{}'", uuid.str(), printable(app));
  auto pod = std::make_shared<RegisteredPod>(*known->second);
  pod->apps.insert_or_assign(app, Document<schema::ImageManifest>{manifest, std::move(image)});
  TRY(keep(*pod));
  by_token_.insert_or_assign(pod->token, pod);
  known->second = std::move(pod);
  return {};
}

Result<bool> PodRegistry::remove(const Uuid& uuid, std::string_view token) {
  const std::lock_guard lock(mutex_);
  const auto known = pods_.find(uuid);
  if (known == pods_.end() || (!token.empty() && known->second->token != token)) return false;
  if (state_dir_) TRY(sys::remove_file(sys::at_cwd(), path_of(*state_dir_, uuid)));
  by_token_.erase(known->second->token);
  pods_.erase(known);
  return true;
}

PodRegistry::Known PodRegistry::find(std::string_view token) const {
  const std::lock_guard lock(mutex_);
  const auto known = by_token_.find(token);
  return known == by_token_.end() ? nullptr : known->second;
}

std::size_t PodRegistry::size() const {
  const std::lock_guard lock(mutex_);
  return pods_.size();
}

}  // namespace agena::stage0
