#include "stage0/fetch/registry_fetch.h"

#include <optional>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/config/containers_files.h"
#include "stage0/config/trust_policy.h"
#include "stage0/image/layered_import.h"
#include "stage0/registry/blob_downloads.h"
#include "stage0/registry/registry_access.h"
#include "stage0/registry/remote_image.h"

namespace agena::stage0 {
namespace {

std::string tag_or_digest(const Reference& reference) {
  return reference.digest ? reference.digest->str() : reference.tag;
}

// A server that has the image, and what it has.
struct Found {
  std::unique_ptr<RegistryClient> registry;
  RemoteImage image;
};

// Asks mirrors and the registry in turn, from `at` on, which becomes the one that has it. The error is the
// registry's own.
Result<Found> find(RegistryAccess& access, const std::vector<RegistryEndpoint>& endpoints,
                   const std::string& tag_or_digest, const Platform& platform, std::size_t& at) {
  for (;; ++at) {
    auto registry = access.connect(endpoints[at]);
    auto image = find_remote_image(*registry, tag_or_digest, platform);
    if (image) return Found{.registry = std::move(registry), .image = *std::move(image)};
    if (at + 1 == endpoints.size()) return std::unexpected(std::move(image).error());
    log::debug("fetch: mirror '{}': {}", printable(registry->name()), image.error().to_string());
  }
}

// Whether another server may have what this one has not, or has wrongly.
bool is_of_the_server(const Error& error) {
  const ErrorKind kind = error.kind();
  return kind == ErrorKind::kNotFound || kind == ErrorKind::kNetwork || kind == ErrorKind::kPermission ||
         kind == ErrorKind::kVerification;
}

// Names in the store: what was asked for, and the digests of the manifest and of the index that led to it.
std::vector<std::string> names_of(const Reference& reference, const RemoteImage& image) {
  const std::string name = reference.domain + "/" + reference.repository;
  std::vector<std::string> names;
  if (!reference.digest) names.push_back(reference.store_name());
  names.push_back(name + "@" + image.manifest.digest.str());
  if (image.top.descriptor.digest != image.manifest.digest)
    names.push_back(name + "@" + image.top.descriptor.digest.str());
  return names;
}

// One attempt to get the layers; `again` is set if what was left of an earlier one may be to blame.
Result<ImageRecord> import(Store& store, Found& found, const std::vector<std::string>& names,
                           const ImportOptions& options, const ProgressCallback& progress, bool& again) {
  BlobDownloads downloads(store, *found.registry);
  LayeredImage image = TRY(load_remote_image(
      *found.registry, found.image, [&](const OciDescriptor& blob) { return downloads.open(blob); }));
  image.names.full = names;
  TRY(downloads.take(image, [] { log::info("waiting for another process that downloads a layer"); }));
  auto record = import_layered(store, image, options, progress);
  if (record) {
    downloads.finish();
    return record;
  }
  const ErrorKind kind = record.error().kind();
  again = downloads.resumed() && (kind == ErrorKind::kVerification || kind == ErrorKind::kInvalidInput);
  downloads.keep_what_is_good(record.error());
  return record;
}

}  // namespace

Result<> check_registry_policy(const Reference& reference, bool waive_signatures) {
  for (const std::string& path : containers_files().policies) {
    const auto bytes = TRY(read_containers_file({.path = path}));
    if (!bytes) continue;
    const TrustPolicy policy = TRY(TrustPolicy::parse(*bytes, path));
    return policy.check(reference.domain, reference.repository, tag_or_digest(reference), waive_signatures);
  }
  return {};
}

Result<ImageRecord> fetch_from_registry(Store& store, const Reference& reference,
                                        const FetchSettings& settings, const FetchOptions& options,
                                        const ProgressCallback& progress) {
  const auto access = TRY(RegistryAccess::open(settings.config_directories,
                                               {.tls = options.insecure.tls, .http = options.insecure.http}));
  const auto endpoints =
      TRY(access->endpoints(reference.domain, reference.repository, reference.digest.has_value()));
  std::size_t at = 0;
  Found found = TRY(find(*access, endpoints, tag_or_digest(reference), options.platform, at));
  const std::vector<std::string> names = names_of(reference, found.image);
  if (auto known = TRY(store.find_by_manifest(found.image.manifest.digest)))
    if (auto reused = TRY(reuse_image(store, *std::move(known), names))) return *std::move(reused);
  const ImportOptions import_options{.platform = options.platform, .max_bytes = options.max_bytes};
  while (true) {
    bool again = false;
    auto record = import(store, found, names, import_options, progress, again);
    if (!record && again) {
      log::debug("fetch: {}; once more, without what was left of earlier attempts",
                 record.error().to_string());
      record = import(store, found, names, import_options, progress, again);
    }
    if (record || at + 1 == endpoints.size() || !is_of_the_server(record.error())) return record;
    // A mirror may have the manifest and not the layers: the next one is asked for the same image.
    log::debug("fetch: mirror '{}': {}", printable(found.registry->name()), record.error().to_string());
    const std::string same = found.image.top.descriptor.digest.str();
    found = TRY(find(*access, endpoints, same, options.platform, ++at));
  }
}

}  // namespace agena::stage0
