// bzip2 and xz. Both are rare (old ACIs), so they are read in the plainest way.
#include <bzlib.h>
#include <lzma.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "common/base/table.h"
#include "stage0/unpack/decompressor.h"

namespace agena::stage0 {
namespace {

unsigned as_uint(std::size_t size) { return static_cast<unsigned>(std::min<std::size_t>(size, 1U << 30U)); }

class Bzip2Source : public Decompressor {
 public:
  Bzip2Source(CompressedInput input, const DecompressionLimits& limits)
      : Decompressor(std::move(input), limits) {}
  ~Bzip2Source() override { end_stream(); }
  Bzip2Source(const Bzip2Source&) = delete;
  Bzip2Source& operator=(const Bzip2Source&) = delete;

 protected:
  Result<std::size_t> decode(std::span<char> buffer) override {
    while (true) {
      const bool at_end = TRY(input().at_end());
      if (!open_) {
        if (at_end && !first_) return 0;
        TRY(begin_stream());
      }
      const std::span<const char> in = input().available();
      stream_.next_in = const_cast<char*>(in.data());
      stream_.avail_in = as_uint(in.size());
      stream_.next_out = buffer.data();
      stream_.avail_out = as_uint(buffer.size());
      const int rc = ::BZ2_bzDecompress(&stream_);
      const std::size_t produced = as_uint(buffer.size()) - stream_.avail_out;
      input().consume(as_uint(in.size()) - stream_.avail_in);
      if (rc == BZ_STREAM_END) end_stream();
      if (rc != BZ_OK && rc != BZ_STREAM_END)
        return damaged("bzip2", rc == BZ_MEM_ERROR ? "out of memory" : "invalid data or wrong checksum");
      if (produced > 0) return produced;
      if (rc == BZ_OK && at_end) return cut_short("bzip2");
    }
  }

 private:
  Result<> begin_stream() {
    TRY(input().fetch(3));
    const std::span<const char> start = input().available();
    if (!first_ && sniff_compression({start.data(), start.size()}) != Compression::kBzip2)
      return trailing("bzip2");
    first_ = false;
    stream_ = {};
    if (::BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) return damaged("bzip2", "out of memory");
    open_ = true;
    return {};
  }
  void end_stream() {
    if (std::exchange(open_, false)) (void)::BZ2_bzDecompressEnd(&stream_);
  }

  bz_stream stream_{};
  bool open_ = false;
  bool first_ = true;
};

// xz -9 needs 65 MiB; more is refused rather than given to a hostile file.
constexpr std::uint64_t kXzMemory = 128U << 20U;

struct XzErrorRow {
  lzma_ret value;
  const char* why;
};
constexpr std::array kXzErrors = {
    XzErrorRow{.value = LZMA_MEM_ERROR, .why = "out of memory"},
    XzErrorRow{.value = LZMA_MEMLIMIT_ERROR, .why = "it needs more than 128 MiB of memory"},
    XzErrorRow{.value = LZMA_FORMAT_ERROR, .why = "no xz stream, or other bytes follow one"},
    XzErrorRow{.value = LZMA_OPTIONS_ERROR, .why = "unsupported options"},
    XzErrorRow{.value = LZMA_UNSUPPORTED_CHECK, .why = "unsupported checksum"},
};

class XzSource : public Decompressor {
 public:
  XzSource(CompressedInput input, const DecompressionLimits& limits)
      : Decompressor(std::move(input), limits),
        ready_(::lzma_stream_decoder(&stream_, kXzMemory, LZMA_CONCATENATED | LZMA_TELL_UNSUPPORTED_CHECK)) {}
  ~XzSource() override { ::lzma_end(&stream_); }
  XzSource(const XzSource&) = delete;
  XzSource& operator=(const XzSource&) = delete;

 protected:
  Result<std::size_t> decode(std::span<char> buffer) override {
    if (ready_ != LZMA_OK) return damaged("xz", why(ready_));
    while (!done_) {
      const bool at_end = TRY(input().at_end());
      const std::span<const char> in = input().available();
      stream_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
      stream_.avail_in = in.size();
      stream_.next_out = reinterpret_cast<std::uint8_t*>(buffer.data());
      stream_.avail_out = buffer.size();
      const lzma_ret rc = ::lzma_code(&stream_, at_end ? LZMA_FINISH : LZMA_RUN);
      input().consume(in.size() - stream_.avail_in);
      done_ = rc == LZMA_STREAM_END;
      if (rc == LZMA_BUF_ERROR && at_end) return cut_short("xz");
      if (rc != LZMA_OK && rc != LZMA_STREAM_END && rc != LZMA_BUF_ERROR) return damaged("xz", why(rc));
      if (const std::size_t produced = buffer.size() - stream_.avail_out; produced > 0) return produced;
    }
    return 0;
  }

 private:
  static const char* why(lzma_ret rc) {
    const XzErrorRow* row = find_by_value(kXzErrors, rc);
    return row != nullptr ? row->why : "invalid data or wrong checksum";
  }

  lzma_stream stream_ = LZMA_STREAM_INIT;
  lzma_ret ready_;
  bool done_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> make_bzip2_source(CompressedInput input, const DecompressionLimits& limits) {
  return std::make_unique<Bzip2Source>(std::move(input), limits);
}

std::unique_ptr<ByteSource> make_xz_source(CompressedInput input, const DecompressionLimits& limits) {
  return std::make_unique<XzSource>(std::move(input), limits);
}

}  // namespace agena::stage0
