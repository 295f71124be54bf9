// Bytes in big pieces that the receiver looks at in place, made by this thread or by another. Internal to
// stage0/unpack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/result.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

class ChunkSource {
 public:
  ChunkSource() = default;
  ChunkSource(const ChunkSource&) = delete;
  ChunkSource& operator=(const ChunkSource&) = delete;
  virtual ~ChunkSource() = default;

  // The next piece, valid until the next call; empty at the end.
  virtual Result<std::span<const char>> next() = 0;
  // Leaves out up to n of the coming bytes without reading them, and says how many; 0 if that cannot be done.
  virtual std::uint64_t skip(std::uint64_t n);
};

constexpr std::size_t kChunkBytes = 256U << 10U;

// Reads the source in the calling thread. The source must outlive the result.
std::unique_ptr<ChunkSource> make_direct_chunks(ByteSource& source, std::size_t chunk_bytes = kChunkBytes);

// Reads the source in a thread of its own, a few chunks ahead. Destroying the result ends the thread, after
// the read that it is in. The source must outlive the result.
std::unique_ptr<ChunkSource> make_pipelined_chunks(ByteSource& source);

// Reads a seekable file from its start, and can skip.
std::unique_ptr<ChunkSource> make_seeking_chunks(int fd, std::uint64_t size);

}  // namespace agena::stage0
