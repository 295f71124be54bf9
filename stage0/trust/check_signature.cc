#include "stage0/trust/check_signature.h"

#include <algorithm>
#include <map>

#include "common/base/strings.h"
#include "common/base/time.h"

namespace agena::stage0 {
namespace {

// Keys by the fingerprint of the primary key and of every subkey.
using KeysByFingerprint = std::map<std::string, const OpenPgpKey*>;

std::string shown(const OpenPgpKey& key) {
  if (key.identities.empty()) return key.fingerprint;
  return fmt::format("{} ({})", key.fingerprint, printable(key.identities.front()));
}

std::string day_of(std::int64_t seconds) { return rfc3339(seconds * 1'000'000'000).substr(0, 10); }

// Why one signature does not count.
std::string complaint(const OpenPgpSignature& signature, const OpenPgpKey* key) {
  const std::string by = key == nullptr ? signature.made_by : shown(*key);
  switch (signature.state) {
    case SignatureState::kGood:
      // By a key that the keyring has not listed.
    case SignatureState::kUnknownKey:
      return fmt::format("openpgp: signature made by unknown entity: key {} is not trusted", by);
    case SignatureState::kBad:
      return fmt::format("bad signature: key {} did not sign these bytes", by);
    case SignatureState::kExpiredKey:
      return key != nullptr && key->expires != 0
                 ? fmt::format("the signature's key {} has expired on {}", by, day_of(key->expires))
                 : fmt::format("the signature's key {} has expired", by);
    case SignatureState::kRevokedKey:
      return fmt::format("the signature's key {} has been revoked", by);
    case SignatureState::kExpiredSignature:
      return fmt::format("the signature by key {} has expired on {}", by, day_of(signature.until));
    case SignatureState::kUnusable:
      return fmt::format("the signature by key {} cannot be used: {}", by, signature.detail);
  }
  return "";
}

// The order in which complaints matter, if a file has several signatures: what is nearest to being good.
int weight(SignatureState state) {
  switch (state) {
    case SignatureState::kGood:
      return 0;
    case SignatureState::kRevokedKey:
      return 1;
    case SignatureState::kExpiredKey:
      return 2;
    case SignatureState::kExpiredSignature:
      return 3;
    case SignatureState::kBad:
      return 4;
    case SignatureState::kUnusable:
      return 5;
    case SignatureState::kUnknownKey:
      return 6;
  }
  return 7;
}

// What of the store went into the keyring.
struct Loaded {
  std::map<std::string, std::vector<std::string>> prefixes;  // by fingerprint
  std::vector<std::pair<TrustedKey, std::string>> broken;
};

Result<Loaded> load_keys(const std::vector<TrustedKey>& keys, PrivateKeyring& keyring) {
  Loaded loaded;
  std::map<std::string, std::vector<std::string>>
      known;  // fingerprints by bytes: keys stand at many prefixes
  for (const TrustedKey& key : keys) {
    auto bytes = read_trusted_key(key);
    if (!bytes) {
      loaded.broken.emplace_back(key, bytes.error().to_string());
      continue;
    }
    auto held = known.find(*bytes);
    if (held == known.end()) {
      auto imported = keyring.import(*bytes);
      if (!imported && imported.error().kind() != ErrorKind::kInvalidInput)
        return std::unexpected(std::move(imported).error());
      held = known.emplace(*bytes, imported ? *std::move(imported) : std::vector<std::string>()).first;
    }
    const auto& fingerprints = held->second;
    if (fingerprints == std::vector<std::string>{key.fingerprint})
      loaded.prefixes[key.fingerprint].push_back(key.prefix);
    else
      loaded.broken.emplace_back(
          key, fingerprints.empty() ? "there is no OpenPGP public key in it"
                                    : "fingerprint mismatch: the key in it is " + join(fingerprints, ", "));
  }
  return loaded;
}

// The key for messages: of signatures that are not good only the key id may be known, the end of the
// fingerprint.
const OpenPgpKey* find_key(const KeysByFingerprint& keys, const std::string& made_by) {
  const auto found = std::ranges::find_if(
      keys, [&](const auto& entry) { return made_by.size() >= 16 && entry.first.ends_with(made_by); });
  return found == keys.end() ? nullptr : found->second;
}

Error no_good_signature(const std::vector<OpenPgpSignature>& signatures, const KeysByFingerprint& keys,
                        bool no_keys) {
  const auto best = std::ranges::min_element(
      signatures, [](const auto& a, const auto& b) { return weight(a.state) < weight(b.state); });
  std::string message = complaint(*best, find_key(keys, best->made_by));
  if (no_keys) message += "; no keys are trusted at all";
  Error error(ErrorKind::kVerification, std::move(message));
  if (best->state == SignatureState::kUnknownKey) return std::move(error).with_hint(trust_hint(""));
  return error;
}

}  // namespace

std::string trust_hint(std::string_view image_name) {
  return fmt::format(
      "the command 'trust --prefix={} KEYFILE' trusts a key; --insecure-options=image waives signatures",
      image_name.empty() ? "NAME" : image_name);
}

Result<std::vector<std::string>> SignatureCheck::require_trust(std::string_view image_name) const {
  for (const BrokenKey& broken : broken_)
    if (prefix_covers(broken.key.prefix, image_name))
      return fail(ErrorKind::kVerification, "trusted key '{}': {}", broken.key.path, broken.why);
  std::vector<std::string> trusted;
  for (const Signer& signer : signers_)
    if (std::ranges::any_of(signer.prefixes,
                            [&](const std::string& prefix) { return prefix_covers(prefix, image_name); }))
      trusted.push_back(signer.fingerprint);
  if (!trusted.empty()) return trusted;
  const Signer& first = signers_.front();
  std::string prefixes;
  for (const std::string& prefix : first.prefixes)
    prefixes += (prefixes.empty() ? "'" : ", '") + prefix + "'";
  return std::unexpected(
      Error(ErrorKind::kVerification,
            fmt::format("the signature's key {}{} is not trusted for '{}', only for {}", first.fingerprint,
                        first.identity.empty() ? "" : " (" + first.identity + ")", printable(image_name),
                        prefixes))
          .with_hint(trust_hint(image_name)));
}

Result<SignatureCheck> check_signature(const KeyStoreDirectories& directories, std::string_view signature,
                                       ByteSource& data) {
  if (signature.empty()) return fail(ErrorKind::kVerification, "the signature is empty");
  PrivateKeyring keyring = TRY(PrivateKeyring::create());
  Loaded loaded = TRY(load_keys(TRY(list_trusted_keys(directories)), keyring));
  HashingSource hashing(data, HashAlgorithm::kSha256);
  const auto signatures = TRY(keyring.verify(signature, hashing));
  const auto keys = TRY(keyring.list());
  KeysByFingerprint by_fingerprint;
  for (const OpenPgpKey& key : keys)
    for (const std::string& fingerprint : key.fingerprints) by_fingerprint[fingerprint] = &key;
  SignatureCheck check(hashing.finish());
  for (const OpenPgpSignature& one : signatures) {
    const auto key = by_fingerprint.find(one.made_by);
    if (one.state != SignatureState::kGood || key == by_fingerprint.end()) continue;
    const auto prefixes = loaded.prefixes.find(key->second->fingerprint);
    // A key that only a broken file holds is in the keyring all the same.
    if (prefixes == loaded.prefixes.end()) continue;
    const auto& identities = key->second->identities;
    check.signers_.push_back({.fingerprint = key->second->fingerprint,
                              .identity = identities.empty() ? "" : printable(identities.front()),
                              .prefixes = prefixes->second});
  }
  for (auto& [key, why] : loaded.broken)
    check.broken_.push_back({.key = std::move(key), .why = std::move(why)});
  if (!check.signers_.empty()) return check;
  const bool is_good =
      std::ranges::any_of(signatures, [](const auto& one) { return one.state == SignatureState::kGood; });
  if (is_good && !check.broken_.empty()) {
    const auto& broken = check.broken_.front();
    return fail(ErrorKind::kVerification, "trusted key '{}': {}", broken.key.path, broken.why);
  }
  return std::unexpected(no_good_signature(signatures, by_fingerprint, loaded.prefixes.empty()));
}

}  // namespace agena::stage0
