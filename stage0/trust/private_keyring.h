// OpenPGP through GPGME, in a home directory made for one use: never the user's keyring, agent or settings.
// Knows keys and signatures; who is trusted for what is for others to say. Internal to stage0/trust and its
// tests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

// A public key with what a reviewer wants to see of it.
struct OpenPgpKey {
  std::string fingerprint;                // of the primary key, lower-case hex
  std::vector<std::string> identities;    // "Name <mail>", as the key says; may hold any bytes
  std::vector<std::string> fingerprints;  // of the primary key and all subkeys
  std::int64_t created = 0;               // seconds since 1970
  std::int64_t expires = 0;               // 0: never
  bool expired = false;
  bool revoked = false;
};

enum class SignatureState {
  kGood,
  kBad,               // it is not a signature of these bytes
  kUnknownKey,        // made by a key that the keyring does not hold
  kExpiredKey,        // good, but the key has expired
  kRevokedKey,        // good, but the key has been revoked
  kExpiredSignature,  // good, but not to be counted on any longer
  kUnusable,          // any other reason, in `detail`
};

struct OpenPgpSignature {
  SignatureState state = SignatureState::kUnusable;
  std::string made_by;     // fingerprint (or key id) of the key or subkey, lower-case hex
  std::int64_t made = 0;   // seconds since 1970
  std::int64_t until = 0;  // 0: for ever
  std::string detail;
};

class PrivateKeyring {
 public:
  static Result<PrivateKeyring> create();
  PrivateKeyring(PrivateKeyring&&) noexcept;
  ~PrivateKeyring();

  // Adds the public keys in a file, armoured or binary, and returns the fingerprints of their primary keys.
  // kInvalidInput if there is none in it.
  Result<std::vector<std::string>> import(std::string_view bytes);
  // All keys.
  Result<std::vector<OpenPgpKey>> list();
  // One public key, armoured.
  Result<std::string> export_key(const std::string& fingerprint);
  // The signatures in a detached signature (armoured or binary), each with what it is worth for these bytes.
  // kVerification if there are none in it.
  Result<std::vector<OpenPgpSignature>> verify(std::string_view signature, ByteSource& data);

 private:
  struct State;
  explicit PrivateKeyring(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace agena::stage0
