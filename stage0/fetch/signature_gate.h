// A signature that stands between an image and the store: it is checked over the image's bytes before they
// are unpacked, and for the image's name before the image is committed. Internal to stage0/fetch.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "stage0/fetch/fetch_options.h"
#include "stage0/store/image_record.h"
#include "stage0/trust/check_signature.h"
#include "stage0/trust/key_store.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

// Where trusted keys lie, by the configuration directories.
KeyStoreDirectories key_store_of(const FetchSettings& settings);

class SignatureGate {
 public:
  // `source`: where the signature comes from, for messages.
  SignatureGate(KeyStoreDirectories directories, std::string signature, std::string source)
      : directories_(std::move(directories)), signature_(std::move(signature)), source_(std::move(source)) {}

  // Checks it over the bytes; their digest.
  Result<Digest> verify(ByteSource& bytes);
  // Fingerprints of those who signed and are trusted for images of this name; an error if none is. After
  // verify().
  Result<std::vector<std::string>> accept(std::string_view image_name) const;

 private:
  KeyStoreDirectories directories_;
  std::string signature_;
  std::string source_;
  std::optional<SignatureCheck> check_;
};

// The largest signature that is read.
inline constexpr std::size_t kMaxSignatureBytes = 1U << 20U;

// A signature in a local file.
Result<std::string> read_signature_file(const std::string& path);

// Whether a file (its path, without symlinks) lies in a directory that is trusted, or below one.
bool lies_in_trusted_directory(const std::string& real_path, const FetchSettings& settings);
// The path of the signature for an ACI in a local file, which is open: what the user gave, or PATH.asc if
// that is there or the personality wants one; nullopt if none is needed. `real_path` is where the file lies.
Result<std::optional<std::string>> signature_for_file(const std::string& path, const std::string& real_path,
                                                      const FetchSettings& settings,
                                                      const FetchOptions& options);

// Whether somebody vouches for an image of the store who is still trusted for its name.
bool is_trusted_image(const ImageRecord& image, const FetchSettings& settings);

}  // namespace agena::stage0
