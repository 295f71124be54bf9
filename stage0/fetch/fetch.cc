#include "stage0/fetch/fetch.h"

#include <optional>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/fetch/aci_fetch.h"
#include "stage0/fetch/registry_fetch.h"

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

Result<std::optional<ImageRecord>> find_in_store(Store& store, const Reference& reference) {
  auto found = store.find_image(reference.store_name());
  if (found) {
    log::debug("using image from local store for {}", source_of(reference));
    return *std::move(found);
  }
  if (found.error().kind() == ErrorKind::kNotFound) return std::nullopt;
  return std::unexpected(std::move(found).error());
}

Result<ImageRecord> fetch_remote(Store& store, const Reference& reference, const FetchSettings& settings,
                                 const FetchOptions& options, const ProgressCallback& progress) {
  if (reference.kind == ReferenceKind::kRegistry)
    return fetch_from_registry(store, reference, settings, options, progress);
  if (reference.kind == ReferenceKind::kUrl)
    return fetch_aci_url(store, reference, settings, options, progress);
  return fetch_by_name(store, reference, settings, options, progress);
}

}  // namespace

Result<ImageRecord> fetch_image(Store& store, const Reference& reference, const FetchSettings& settings,
                                const FetchOptions& options, const ProgressCallback& progress) {
  TRY(check_signature_use(reference, options));
  if (reference.kind == ReferenceKind::kImageId) {
    log::debug("using image from the store with hash {}", printable(reference.text));
    return store.find_image(reference.text);
  }
  if (reference.is_local()) return fetch_local(store, reference, settings, options, progress);
  const bool to_verify = !options.signature.empty() && !options.insecure.image;
  if (options.policy != PullPolicy::kUpdate && !to_verify) {
    if (auto found = TRY(find_in_store(store, reference))) return *std::move(found);
    if (options.policy == PullPolicy::kNever)
      return fail(
          ErrorKind::kNotFound,
          "unable to fetch image from {} \"{}\": either it is not in the store, or its source is not to "
          "be asked",
          reference.kind == ReferenceKind::kUrl ? "URL" : "image name", shown_reference(reference.text));
  }
  return fetch_remote(store, reference, settings, options, progress);
}

}  // namespace agena::stage0
