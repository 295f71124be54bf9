// SHA-256 and SHA-512 over bytes that pass by.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "common/base/digest.h"
#include "common/base/result.h"

namespace agena::stage0 {

enum class HashAlgorithm { kSha256, kSha512 };

// The algorithm's name as digests spell it: "sha256", "sha512".
const char* to_string(HashAlgorithm algorithm);
// The algorithm that a digest is of.
HashAlgorithm algorithm_of(const Digest& digest);

// A hash being computed. Move-only.
class Hasher {
 public:
  explicit Hasher(HashAlgorithm algorithm);
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();

  HashAlgorithm algorithm() const { return algorithm_; }
  void update(std::span<const char> bytes);
  void update(std::string_view bytes) { update(std::span<const char>(bytes)); }
  // The digest of everything so far. Only once; the hasher is empty afterwards.
  Digest finish();

 private:
  struct Context;
  HashAlgorithm algorithm_;
  std::unique_ptr<Context> context_;
};

// Digest of bytes in memory.
Digest hash_of(HashAlgorithm algorithm, std::string_view bytes);

}  // namespace agena::stage0
