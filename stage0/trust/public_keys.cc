#include "stage0/trust/public_keys.h"

#include "common/base/strings.h"

namespace agena::stage0 {

Result<std::vector<PublicKey>> read_public_keys(std::string_view bytes) {
  PrivateKeyring keyring = TRY(PrivateKeyring::create());
  TRY(keyring.import(bytes));
  std::vector<PublicKey> keys;
  for (OpenPgpKey& key : TRY(keyring.list())) {
    std::string armoured = TRY(keyring.export_key(key.fingerprint));
    keys.push_back({.key = std::move(key), .armoured = std::move(armoured)});
  }
  return keys;
}

Result<> trust_keys(const KeyStoreDirectories& directories, const std::string& prefix,
                    const std::string& source, bool https, std::string_view bytes, const KeyReview& review,
                    std::vector<AddedKey>& added) {
  for (PublicKey& one : TRY_CTX(read_public_keys(bytes), "key '{}'", printable(source))) {
    const KeyOffer offer{.key = one.key, .prefix = prefix, .source = source, .https = https};
    if (!TRY_CTX(review(offer), "key '{}'", printable(source))) continue;
    std::string path = TRY(add_trusted_key(directories, prefix, one.key.fingerprint, one.armoured));
    added.push_back({.key = std::move(one.key), .prefix = prefix, .path = std::move(path)});
  }
  return {};
}

}  // namespace agena::stage0
