#include "stage0/fetch/aci_fetch.h"

#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/fetch/signature_gate.h"

namespace agena::stage0 {

Result<ImageRecord> fetch_local(Store& store, const Reference& reference, const FetchSettings& settings,
                                const FetchOptions& options, const ProgressCallback& progress) {
  log::debug("using image from file {}", printable(reference.path));
  ImportOptions import{.platform = options.platform, .max_bytes = options.max_bytes};
  if (reference.kind != ReferenceKind::kAciFile) {
    if (!options.signature.empty() && !options.insecure.image)
      return fail(ErrorKind::kInvalidInput, "image '{}' is no ACI: detached signatures are for ACIs",
                  printable(reference.text));
    return import_image(store, reference, import, progress);
  }
  std::optional<SignatureGate> gate;
  if (const auto path = TRY(signature_for_file(reference.path, settings, options)))
    gate.emplace(key_store_of(settings), TRY(read_signature_file(*path)), *path);
  if (gate) {
    import.verify = [&](ByteSource& bytes) { return gate->verify(bytes); };
    import.accept = [&](const AciCandidate& image) { return gate->accept(image.manifest.name.str()); };
  }
  return import_image(store, reference, import, progress);
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
