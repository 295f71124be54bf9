#include "stage0/fetch/aci_fetch.h"

#include "common/base/strings.h"

namespace agena::stage0 {

Result<ImageRecord> fetch_local(Store& store, const Reference& reference, const FetchSettings& /*settings*/,
                                const FetchOptions& options, const ProgressCallback& progress) {
  if (!options.signature.empty() && !options.insecure.image)
    return fail(ErrorKind::kUnsupported,
                "signatures are not verified by this build; --insecure-options=image waives them");
  return import_image(store, reference, {.platform = options.platform, .max_bytes = options.max_bytes},
                      progress);
}

Result<ImageRecord> fetch_aci_url(Store& /*store*/, const Reference& reference,
                                  const FetchSettings& /*settings*/, const FetchOptions& /*options*/,
                                  const ProgressCallback& /*progress*/) {
  return fail(ErrorKind::kUnsupported, "image '{}': this build cannot fetch from URLs",
              printable(reference.text));
}

Result<ImageRecord> fetch_by_name(Store& /*store*/, const Reference& reference,
                                  const FetchSettings& /*settings*/, const FetchOptions& /*options*/,
                                  const ProgressCallback& /*progress*/) {
  return fail(
      ErrorKind::kUnsupported,
      "fetching by name is not supported by this build (write a path as './{}' or with its whole name)",
      printable(reference.text));
}

}  // namespace agena::stage0
