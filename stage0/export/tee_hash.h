// A source that tells the digest of what went through it. Internal to stage0/export.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

class TeeHash : public ByteSource {
 public:
  // `digest` is set where the inner source ends, and must outlive this.
  TeeHash(std::unique_ptr<ByteSource> inner, HashAlgorithm algorithm, std::optional<Digest>& digest)
      : inner_(std::move(inner)), hashed_(*inner_, algorithm), digest_(digest) {}

  Result<std::size_t> read(std::span<char> buffer) override {
    const std::size_t n = TRY(hashed_.read(buffer));
    if (n == 0) digest_ = hashed_.finish();
    return n;
  }

 private:
  std::unique_ptr<ByteSource> inner_;
  HashingSource hashed_;
  std::optional<Digest>& digest_;
};

}  // namespace agena::stage0
