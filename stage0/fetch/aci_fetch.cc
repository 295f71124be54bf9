#include "stage0/fetch/aci_fetch.h"

#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/fetch/aci_fetcher.h"

namespace agena::stage0 {

Result<ImageRecord> fetch_local(Store& store, const Reference& reference, const FetchSettings& settings,
                                const FetchOptions& options, const ProgressCallback& progress) {
  log::debug("using image from file {}", printable(reference.path));
  if (reference.kind == ReferenceKind::kAciFile)
    return AciFetcher(store, settings, options, progress).from_file(reference);
  if (!options.signature.empty() && !options.insecure.image)
    return fail(ErrorKind::kInvalidInput, "image '{}' is no ACI: detached signatures are for ACIs",
                shown_reference(reference.text));
  return import_image(store, reference, {.platform = options.platform, .max_bytes = options.max_bytes},
                      progress);
}

Result<ImageRecord> fetch_aci_url(Store& store, const Reference& reference, const FetchSettings& settings,
                                  const FetchOptions& options, const ProgressCallback& progress) {
  return AciFetcher(store, settings, options, progress).from_url(reference.text, reference.store_name());
}

Result<ImageRecord> fetch_by_name(Store& store, const Reference& reference, const FetchSettings& settings,
                                  const FetchOptions& options, const ProgressCallback& progress) {
  std::map<std::string, std::string> labels(reference.labels.begin(), reference.labels.end());
  if (!reference.version.empty()) labels["version"] = reference.version;
  auto image = AciFetcher(store, settings, options, progress).from_name(reference.name, std::move(labels));
  if (image || !image.error().hint().empty() || image.error().kind() != ErrorKind::kNotFound) return image;
  return std::unexpected(std::move(image).error().with_hint(
      fmt::format("images of registries are named docker://{0}, files ./{0} or by their whole name",
                  shown_reference(reference.text))));
}

}  // namespace agena::stage0
