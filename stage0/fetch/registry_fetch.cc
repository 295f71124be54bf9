#include "stage0/fetch/registry_fetch.h"

#include "common/base/strings.h"

namespace agena::stage0 {

Result<ImageRecord> fetch_from_registry(Store& /*store*/, const Reference& reference,
                                        const FetchSettings& /*settings*/, const FetchOptions& /*options*/,
                                        const ProgressCallback& /*progress*/) {
  return fail(ErrorKind::kUnsupported, "image '{}' is in a registry: this build cannot fetch from there",
              printable(reference.text));
}

}  // namespace agena::stage0
