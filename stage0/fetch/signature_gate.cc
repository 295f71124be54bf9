#include "stage0/fetch/signature_gate.h"

#include <algorithm>
#include <filesystem>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

Error with_trust_hint(Error error) {
  return std::move(error).with_hint(
      "--signature=FILE names a signature, --insecure-options=image does without");
}

}  // namespace

KeyStoreDirectories key_store_of(const FetchSettings& settings) {
  const auto& directories = settings.config_directories;
  return {.system = directories.empty() ? "" : directories[0],
          .local = directories.size() < 2 ? "" : directories[1]};
}

Result<Digest> SignatureGate::verify(ByteSource& bytes) {
  check_ = TRY_CTX(check_signature(directories_, signature_, bytes), "signature '{}'", printable(source_));
  return check_->data_digest();
}

Result<std::vector<std::string>> SignatureGate::accept(std::string_view image_name) const {
  if (!check_) return fail(ErrorKind::kInternal, "signature '{}' was not checked", printable(source_));
  return TRY_CTX(check_->require_trust(image_name), "signature '{}'", printable(source_));
}

Result<std::string> read_signature_file(const std::string& path) {
  auto bytes = sys::read_file(sys::at_cwd(), path, kMaxSignatureBytes);
  if (bytes) return *std::move(bytes);
  return std::unexpected(
      with_trust_hint(std::move(bytes).error().with_context("error opening signature file")));
}

bool lies_in_trusted_directory(const std::string& real_path, const FetchSettings& settings) {
  const std::filesystem::path file(real_path);
  return std::ranges::any_of(settings.trusted_directories, [&](const std::string& directory) {
    if (directory.empty()) return false;
    std::error_code error;
    const auto base = std::filesystem::canonical(directory, error);
    return !error && std::ranges::mismatch(base, file).in1 == base.end();
  });
}

Result<std::optional<std::string>> signature_for_file(const std::string& path, const std::string& real_path,
                                                      const FetchSettings& settings,
                                                      const FetchOptions& options) {
  if (options.insecure.image) return std::nullopt;
  if (!options.signature.empty()) return options.signature;
  std::string beside = path + ".asc";
  if (!settings.local_signatures && !TRY(sys::exists(sys::at_cwd(), beside))) return std::nullopt;
  if (!lies_in_trusted_directory(real_path, settings)) return beside;
  return std::nullopt;
}

bool is_trusted_image(const ImageRecord& image, const FetchSettings& settings) {
  if (image.trust.installed) return true;
  if (image.trust.signers.empty()) return false;
  const auto keys = list_trusted_keys(key_store_of(settings));
  return keys && std::ranges::any_of(*keys, [&](const TrustedKey& key) {
           return prefix_covers(key.prefix, image.manifest.name.str()) &&
                  std::ranges::find(image.trust.signers, key.fingerprint) != image.trust.signers.end();
         });
}

}  // namespace agena::stage0
