// The archive's bytes as the tar parser takes them: a position, looking ahead, and the archive's hash,
// computed exactly up to the position. Internal to stage0/unpack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/result.h"
#include "stage0/unpack/archive_skeleton.h"
#include "stage0/unpack/chunk_source.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {

class TarInput {
 public:
  // With an algorithm everything that is read gets hashed. The chunks must outlive the input.
  explicit TarInput(ChunkSource& chunks, std::optional<HashAlgorithm> algorithm = {});
  // From here on all that is read goes to a skeleton, which must live as long as is read.
  void set_skeleton(SkeletonWriter* skeleton) { skeleton_ = skeleton; }

  // Position in the archive.
  std::uint64_t offset() const { return offset_; }
  // Up to max bytes (at least 1 unless the archive ends) at the position, without moving; valid until the
  // next call of any function but advance().
  Result<std::span<const char>> peek(std::uint64_t max);
  // Moves behind n bytes of what peek() gave.
  void advance(std::size_t n);
  // Fills the buffer and moves; fewer bytes only at the archive's end.
  Result<std::size_t> read(std::span<char> buffer);
  // Moves n bytes on; returns how many there were.
  Result<std::uint64_t> skip(std::uint64_t n);

  // What is read between the two calls does not go to the skeleton: the caller says there what it is.
  Result<> begin_known();
  void end_known();
  // Gives the skeleton what it has not got yet.
  Result<> flush_skeleton();

  // State of the hash at the position, which must be a multiple of 128 (any place between tar blocks is).
  HashState hash_state();
  // Digest up to the position. Only once, at the end.
  Digest finish_hash();

 private:
  void hash_up_to_here();

  ChunkSource& chunks_;
  std::optional<Hasher> hasher_;
  std::span<const char> chunk_;
  std::size_t at_ = 0;      // in the chunk
  std::size_t hashed_ = 0;  // in the chunk
  SkeletonWriter* skeleton_ = nullptr;
  std::size_t kept_ = 0;  // in the chunk: what the skeleton has got
  bool known_ = false;
  std::uint64_t offset_ = 0;
};

}  // namespace agena::stage0
