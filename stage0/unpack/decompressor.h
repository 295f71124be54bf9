// What the decompressors share: buffered input that knows its offset, and output that is counted against
// limits. Internal to stage0/unpack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "stage0/unpack/byte_source.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

// A buffer in front of a source, for reading a compressed stream piece by piece.
class CompressedInput {
 public:
  // The source must outlive the input.
  explicit CompressedInput(ByteSource& source);

  // Makes at least n bytes (at most the buffer's 128 KiB) available if the stream still has them.
  Result<> fetch(std::size_t n);
  // What can be taken without another read.
  std::span<const char> available() const { return {buffer_.data() + at_, end_ - at_}; }
  void consume(std::size_t n) { at_ += n; }
  // Whether the stream has no more bytes at all; reads if it must.
  Result<bool> at_end();
  // Position in the stream of the first available byte.
  std::uint64_t offset() const { return fetched_ - (end_ - at_); }

 private:
  ByteSource* source_;
  std::vector<char> buffer_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::uint64_t fetched_ = 0;
  bool ended_ = false;
};

// Base of the decompressors.
class Decompressor : public ByteSource {
 public:
  Result<std::size_t> read(std::span<char> buffer) final;

 protected:
  Decompressor(CompressedInput input, const DecompressionLimits& limits)
      : input_(std::move(input)), limits_(limits) {}

  // Fills the front of the buffer; 0 only at the end of the stream, when all input is used up.
  virtual Result<std::size_t> decode(std::span<char> buffer) = 0;

  CompressedInput& input() { return input_; }
  // "the gzip data is damaged at byte 17: why".
  std::unexpected<Error> damaged(std::string_view format, std::string_view why) const;
  // "the gzip data is cut short: it ends at byte 17".
  std::unexpected<Error> cut_short(std::string_view format) const;
  // "trailing garbage behind the end of the gzip data (byte 17)": looks at what follows.
  std::unexpected<Error> trailing(std::string_view format);

 private:
  CompressedInput input_;
  DecompressionLimits limits_;
  std::uint64_t produced_ = 0;
};

// Which inflater reads gzip: ISA-L if this processor and host have it, else zlib.
enum class InflateEngine { kBest, kZlib, kIsal };

// Whether ISA-L can be used here (its library is opened at the first call).
bool isal_available();

std::unique_ptr<ByteSource> make_gzip_source(CompressedInput input, const DecompressionLimits& limits,
                                             InflateEngine engine = InflateEngine::kBest);
std::unique_ptr<ByteSource> make_bzip2_source(CompressedInput input, const DecompressionLimits& limits);
std::unique_ptr<ByteSource> make_xz_source(CompressedInput input, const DecompressionLimits& limits);
std::unique_ptr<ByteSource> make_zstd_source(CompressedInput input, const DecompressionLimits& limits);

}  // namespace agena::stage0
