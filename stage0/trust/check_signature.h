// Whether an image is signed by somebody who is trusted for its name. The image's name stands in the image,
// so it goes in two steps: check_signature() finds out who signed the bytes, and
// SignatureCheck::require_trust() whether any of them may sign images of a name. Every way to fail has its
// own message.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "stage0/trust/key_store.h"
#include "stage0/trust/private_keyring.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

// The advice to trust a key, for errors: "'agena trust --prefix=NAME KEYFILE' trusts a key for …".
std::string trust_hint(std::string_view image_name);

// What a signature says of the bytes that it was checked with.
class SignatureCheck {
 public:
  // Digest of the bytes that were checked: what is imported must have it.
  const Digest& data_digest() const { return data_digest_; }

  // Fingerprints of those who signed and are trusted for images of this name, at least one; otherwise
  // kVerification says whose signature it is and what is missing.
  Result<std::vector<std::string>> require_trust(std::string_view image_name) const;

 private:
  friend Result<SignatureCheck> check_signature(const KeyStoreDirectories&, std::string_view, ByteSource&);
  struct Signer {
    std::string fingerprint;            // of the primary key
    std::string identity;               // the first one, printable
    std::vector<std::string> prefixes;  // that it is trusted for
  };
  explicit SignatureCheck(Digest digest) : data_digest_(std::move(digest)) {}
  Digest data_digest_;
  std::vector<Signer> signers_;  // of good signatures; at least one
  // Files of the store that do not hold the key that they are named after, with the reason.
  struct BrokenKey {
    TrustedKey key;
    std::string why;
  };
  std::vector<BrokenKey> broken_;
};

// Checks a detached signature over everything that the source gives. kVerification with the reason unless at
// least one good signature is by a key of the store.
Result<SignatureCheck> check_signature(const KeyStoreDirectories& directories, std::string_view signature,
                                       ByteSource& data);

}  // namespace agena::stage0
