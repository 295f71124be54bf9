// SHA-256 and SHA-512 over bytes that pass by, and the chain of states inside them. OpenSSL's plain functions
// are used, not EVP: they run the same assembly, but EVP loads a provider first (1.5 ms, 4 MB of program) and
// keeps the chain to itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/digest.h"
#include "common/base/result.h"

namespace agena::stage0 {

enum class HashAlgorithm { kSha256, kSha512 };

// The algorithm's name as digests spell it: "sha256", "sha512".
const char* to_string(HashAlgorithm algorithm);
// The algorithm that a digest is of.
HashAlgorithm algorithm_of(const Digest& digest);

// The chaining value of a hash between two blocks (FIPS 180-4 section 6: H(i)): all that the rest of the
// computation depends on.
struct HashState {
  std::array<unsigned char, 64> bytes{};
  std::size_t size = 0;  // 32 or 64
  bool operator==(const HashState&) const = default;
};

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
  void update(const std::string& bytes) { update(std::span<const char>(bytes)); }
  // The digest of everything so far. Only once; the hasher is empty afterwards.
  Digest finish();

  // The state after what was hashed so far, which must be a multiple of 128 bytes.
  HashState state() const;
  // A hasher that goes on from a state: for state() again, not for finish(), which depends on the length.
  static Hasher resume(HashAlgorithm algorithm, const HashState& state);

 private:
  struct Context;
  HashAlgorithm algorithm_;
  std::unique_ptr<Context> context_;
};

// Digest of bytes in memory.
Digest hash_of(HashAlgorithm algorithm, std::string_view bytes);

}  // namespace agena::stage0
