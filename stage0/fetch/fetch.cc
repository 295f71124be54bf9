#include "stage0/fetch/fetch.h"

#include <optional>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/fetch/aci_fetch.h"
#include "stage0/fetch/registry_fetch.h"

namespace agena::stage0 {
namespace {

Result<std::optional<ImageRecord>> find_in_store(Store& store, const Reference& reference) {
  auto found = store.find_image(reference.store_name());
  if (found) return *std::move(found);
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
  if (reference.kind == ReferenceKind::kImageId) return store.find_image(reference.text);
  if (reference.is_local()) return fetch_local(store, reference, settings, options, progress);
  if (options.policy != PullPolicy::kUpdate) {
    if (auto found = TRY(find_in_store(store, reference))) return *std::move(found);
    if (options.policy == PullPolicy::kNever)
      return fail(ErrorKind::kNotFound, "image '{}' is not in the store, and nothing else may be asked",
                  shown_reference(reference.text));
  }
  return fetch_remote(store, reference, settings, options, progress);
}

}  // namespace agena::stage0
