// Signatures by which pods of one host prove to each other who they are: HMAC-SHA512 with a key that only the
// metadata service knows.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/base/uuid.h"

namespace agena::stage0 {

class Signer {
 public:
  // With a new random key.
  static Result<Signer> random();
  // With a key that was made before; an error if it has not its length.
  static Result<Signer> with_key(std::string key);

  // The bytes of the key. Secret.
  const std::string& key() const { return key_; }

  // What the pod signs, as raw bytes.
  Result<std::string> sign(const Uuid& pod, std::string_view content) const;
  // Whether it is the pod's signature of the content; takes the same time wherever it differs.
  Result<bool> verify(const Uuid& pod, std::string_view content, std::string_view signature) const;

 private:
  explicit Signer(std::string key) : key_(std::move(key)) {}
  std::string key_;
};

}  // namespace agena::stage0
