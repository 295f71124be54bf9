#include "stage0/fetch/fetch.h"

#include <optional>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/rlimit.h"
#include "stage0/fetch/aci_fetch.h"
#include "stage0/fetch/registry_fetch.h"
#include "stage0/fetch/signature_gate.h"
#include "stage0/image/formats/oci_documents.h"

namespace agena::stage0 {
namespace {

// What an image is asked for by, in the words that scripts know from rkt.
std::string source_of(const Reference& reference) {
  if (reference.kind == ReferenceKind::kUrl) return "url " + shown_reference(reference.text);
  if (reference.kind == ReferenceKind::kRegistry) return "docker image " + reference.store_name();
  return "image name " + printable(reference.text);
}

// A detached signature is of the bytes of an ACI: of others it would say nothing.
Result<> check_signature_use(const Reference& reference, const FetchOptions& options) {
  if (options.signature.empty() || options.insecure.image) return {};
  if (reference.kind == ReferenceKind::kImageId || reference.kind == ReferenceKind::kRegistry)
    return fail(ErrorKind::kInvalidInput, "'{}': --signature is for ACIs from files, URLs and by name",
                printable(reference.text));
  if (options.policy == PullPolicy::kNever && !reference.is_local())
    return fail(ErrorKind::kInvalidInput,
                "'{}': --signature needs the image from its source, which --pull-policy=never does not allow",
                shown_reference(reference.text));
  return {};
}

// Whether the image is for the platform; one that does not say what it is for suits any.
bool suits(const Store& store, const ImageRecord& record, const Platform& platform) {
  if (!record.oci || !record.oci->config_digest) return true;
  const auto bytes = store.read_blob(*record.oci->config_digest);
  if (!bytes) return true;
  const auto config = parse_oci_config(*bytes);
  if (!config || config->platform.arch.empty()) return true;
  Platform offered = config->platform;
  if (offered.os.empty()) offered.os = "linux";
  return platform_rank(platform, offered) > 0;
}

// Of a registry's images the one for the platform; but the digest of a manifest means one image only.
Result<std::optional<ImageRecord>> find_in_store(Store& store, const Reference& reference,
                                                 const FetchSettings& settings, const FetchOptions& options) {
  const Platform& platform = options.platform;
  ImageFilter trusted;
  // Nobody signs images of registries.
  if (options.trusted_only && !options.insecure.image && reference.kind != ReferenceKind::kRegistry)
    trusted = [&](const ImageRecord& image) { return is_trusted_image(image, settings); };
  auto found = store.find_image(reference.store_name(), trusted);
  if (!found && found.error().kind() == ErrorKind::kNotFound) return std::nullopt;
  if (!found) return std::unexpected(std::move(found).error());
  if (reference.kind != ReferenceKind::kRegistry || suits(store, *found, platform)) return *std::move(found);
  if (!reference.digest) return std::nullopt;
  if (found->oci->manifest_digest == reference.digest) return *std::move(found);
  for (ImageRecord& other : TRY(store.holders_of(reference.store_name())))
    if (suits(store, other, platform)) return std::move(other);
  return std::nullopt;
}

// That it is about to be used keeps it from being collected meanwhile.
void note_use(const Store& store, const ImageRecord& record) {
  if (const auto noted = store.touch_last_used(record.id); !noted)
    log::debug("noting the use of image '{}': {}", record.id, noted.error().to_string());
}

Result<ImageRecord> fetch_remote(Store& store, const Reference& reference, const FetchSettings& settings,
                                 const FetchOptions& options, const ProgressCallback& progress) {
  // All layers of an image are downloaded and unpacked at once, each with several files and directories open;
  // rendering an ACI opens all that it depends on.
  const sys::RaisedFileLimit many_files;
  if (reference.kind == ReferenceKind::kRegistry)
    return fetch_from_registry(store, reference, settings, options, progress);
  if (reference.kind == ReferenceKind::kUrl)
    return fetch_aci_url(store, reference, settings, options, progress);
  return fetch_by_name(store, reference, settings, options, progress);
}

Result<ImageRecord> find_or_fetch(Store& store, const Reference& reference, const FetchSettings& settings,
                                  const FetchOptions& options, const ProgressCallback& progress) {
  TRY(check_signature_use(reference, options));
  if (reference.kind == ReferenceKind::kImageId) {
    log::debug("using image from the store with hash {}", printable(reference.text));
    return store.find_image(reference.text);
  }
  if (reference.is_local()) return fetch_local(store, reference, settings, options, progress);
  if (reference.kind == ReferenceKind::kRegistry)
    TRY(check_registry_policy(reference, options.insecure.image));
  const bool to_verify = !options.signature.empty() && !options.insecure.image;
  if (options.policy != PullPolicy::kUpdate && !to_verify) {
    if (auto found = TRY(find_in_store(store, reference, settings, options))) {
      if (options.policy == PullPolicy::kNever || TRY(store.is_complete(*found))) {
        log::debug("using image from local store for {}", source_of(reference));
        return *std::move(found);
      }
      log::info("image '{}' is not whole in the store; fetching it again", found->id);
    }
    if (options.policy == PullPolicy::kNever)
      return fail(
          ErrorKind::kNotFound,
          "unable to fetch image from {} \"{}\": either it is not in the store{}, or its source is not to "
          "be asked",
          reference.kind == ReferenceKind::kUrl ? "URL" : "image name", shown_reference(reference.text),
          reference.kind == ReferenceKind::kRegistry ? " for " + to_string(options.platform) : "");
  }
  return fetch_remote(store, reference, settings, options, progress);
}

}  // namespace

Result<ImageRecord> fetch_image(Store& store, const Reference& reference, const FetchSettings& settings,
                                const FetchOptions& options, const ProgressCallback& progress) {
  auto image = find_or_fetch(store, reference, settings, options, progress);
  if (image) note_use(store, *image);
  return image;
}

}  // namespace agena::stage0
