// Decompression of blobs: gzip, bzip2, xz and zstd streams, strictly to their end, with limits against bombs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/result.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

enum class Compression { kNone, kGzip, kBzip2, kXz, kZstd };

// "none", "gzip", "bzip2", "xz", "zstd".
const char* to_string(Compression compression);

// The compression that the first bytes of a stream tell of (six are enough); kNone if they tell of none.
Compression sniff_compression(std::string_view first_bytes);

inline constexpr std::uint64_t kDefaultMaxUnpackedBytes = 64ULL << 30U;
// Advice to who meets max_bytes.
inline constexpr const char* kSizeLimitHint = "--max-image-size=BYTES sets how large an image may be";

// What a decompressor may put out before it takes the stream for a bomb.
struct DecompressionLimits {
  std::uint64_t max_bytes = kDefaultMaxUnpackedBytes;
  // What several streams (the layers of an image) put out together, which max_bytes holds for then; must
  // outlive them. nullptr: each stream for itself.
  std::atomic<std::uint64_t>* together = nullptr;
  // Output per input byte, looked at only beyond ratio_from bytes of output, and only while max_bytes is the
  // default: who says how large an image may be has decided. It ends a bomb of a few KB before it fills the
  // disk with max_bytes. Deflate cannot exceed 1032, so gzip never meets it, and a bomb of 64 GiB has 64 MB;
  // the others pack a file of zeros some 30,000:1, which is nothing wrong: databases and disk images are made
  // like that, and zstd layers of our own pushes have them. So much of them that all of the first GiB is
  // nothing else is rather a bomb.
  std::uint64_t max_ratio = 1100;
  std::uint64_t ratio_from = 1ULL << 30U;
};

// A stream's content, and how it was compressed.
struct DecompressedSource {
  std::unique_ptr<ByteSource> content;
  Compression compression;
};

// Reads a compressed source, which must outlive the result, as its content. `stated` is what a media type
// says: content that starts as another compression is an error that names both. Without it the first bytes
// decide (docker archives, ACIs). Accepted: several gzip members, zstd and skippable frames, bzip2 and xz
// streams one after another. Errors (with the byte offset in the compressed stream): bytes behind the end, an
// end too early, a wrong checksum, a zstd window above 128 MiB, a limit exceeded.
Result<DecompressedSource> open_decompressor(ByteSource& compressed, std::optional<Compression> stated,
                                             const DecompressionLimits& limits = {});

}  // namespace agena::stage0
