// Content digests in OCI's spelling (image-spec descriptor.md: `algorithm:encoded`). Hashing itself is in
// stage0/unpack/hash.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena {

// A sha256 or sha512 digest: algorithm and lower-case hex of the full length. Safe to use as a file name
// part.
class Digest {
 public:
  // "sha256:<64 hex>" or "sha512:<128 hex>"; another algorithm, length, case or character is an error.
  static Result<Digest> parse(std::string_view text);
  // From an algorithm name and raw bytes.
  static Result<Digest> from_bytes(std::string_view algorithm, std::string_view bytes);

  const std::string& algorithm() const { return algorithm_; }
  const std::string& hex() const { return hex_; }
  // "sha256:abc…"
  std::string str() const { return algorithm_ + ":" + hex_; }
  // "sha256-abc…": the form for file names.
  std::string file_name() const { return algorithm_ + "-" + hex_; }

  auto operator<=>(const Digest&) const = default;

 private:
  Digest(std::string algorithm, std::string hex) : algorithm_(std::move(algorithm)), hex_(std::move(hex)) {}
  std::string algorithm_;
  std::string hex_;
};

}  // namespace agena
