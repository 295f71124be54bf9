// Public keys in a file that somebody offers, as they are shown to a reviewer and kept in the store of keys.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "stage0/trust/key_store.h"
#include "stage0/trust/private_keyring.h"

namespace agena::stage0 {

// A key, and its file for the store: armoured, nothing but the public key in it.
struct PublicKey {
  OpenPgpKey key;
  std::string armoured;
};

// All public keys in the bytes, armoured or binary. kInvalidInput if there is none.
Result<std::vector<PublicKey>> read_public_keys(std::string_view bytes);

// The largest file of keys that is read.
inline constexpr std::size_t kMaxKeyFileBytes = 1U << 20U;

// What somebody who decides about trust is told.
struct KeyOffer {
  const OpenPgpKey& key;
  std::string prefix;  // of image names; empty: all images
  std::string source;  // file or URL that it comes from
  bool https = false;  // whether it came over https
};
// Whether to trust a key: an answer, or an error if nobody can be asked.
using KeyReview = std::function<Result<bool>(const KeyOffer&)>;

// A key that is trusted now.
struct AddedKey {
  OpenPgpKey key;
  std::string prefix;
  std::string path;  // of its file
};

// Offers the keys in the bytes one after the other, and trusts those that the review accepts. They are put
// behind `added`, also those before an error.
Result<> trust_keys(const KeyStoreDirectories& directories, const std::string& prefix,
                    const std::string& source, bool https, std::string_view bytes, const KeyReview& review,
                    std::vector<AddedKey>& added);

}  // namespace agena::stage0
