#include "stage0/fetch/signature_gate.h"

#include <algorithm>
#include <filesystem>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

// Whether the file lies in one of the directories, or below; symlinks on the way count for what they lead to.
bool lies_in(const std::string& path, const std::vector<std::string>& directories) {
  std::error_code error;
  const auto file = std::filesystem::canonical(path, error);
  if (error) return false;
  return std::ranges::any_of(directories, [&](const std::string& directory) {
    std::error_code no_directory;
    const auto base =
        std::filesystem::canonical(directory.empty() ? "/nonexistent" : directory, no_directory);
    return !no_directory && std::ranges::mismatch(base, file).in1 == base.end();
  });
}

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

Result<> SignatureGate::accept(std::string_view image_name) const {
  if (!check_) return fail(ErrorKind::kInternal, "signature '{}' was not checked", printable(source_));
  TRY_CTX(check_->require_trust(image_name), "signature '{}'", printable(source_));
  return {};
}

Result<std::string> read_signature_file(const std::string& path) {
  auto bytes = sys::read_file(sys::at_cwd(), path, kMaxSignatureBytes);
  if (bytes) return *std::move(bytes);
  return std::unexpected(
      with_trust_hint(std::move(bytes).error().with_context("error opening signature file")));
}

Result<std::optional<std::string>> signature_for_file(const std::string& path, const FetchSettings& settings,
                                                      const FetchOptions& options) {
  if (options.insecure.image) return std::nullopt;
  if (!options.signature.empty()) return options.signature;
  std::string beside = path + ".asc";
  if (!settings.local_signatures && !TRY(sys::exists(sys::at_cwd(), beside))) return std::nullopt;
  if (!lies_in(path, settings.trusted_directories)) return beside;
  return std::nullopt;
}

}  // namespace agena::stage0
