#include "stage0/export/compressor.h"

#include <zlib.h>
#include <zstd.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace agena::stage0 {
namespace {

constexpr std::size_t kInputBytes = 256U << 10U;

// What both have: a buffer of input that is filled from the content until that ends.
class CompressorBase : public ByteSource {
 protected:
  explicit CompressorBase(std::unique_ptr<ByteSource> content)
      : content_(std::move(content)), buffer_(kInputBytes) {}

  // Makes input available unless the content has ended.
  Result<> fill() {
    if (at_ < end_ || ended_) return {};
    at_ = 0;
    end_ = 0;
    end_ = TRY(content_->read(buffer_));
    ended_ = end_ == 0;
    return {};
  }
  std::span<char> input() { return std::span(buffer_).subspan(at_, end_ - at_); }
  void consume(std::size_t n) { at_ += n; }
  bool ended() const { return ended_; }

 private:
  std::unique_ptr<ByteSource> content_;
  std::vector<char> buffer_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  bool ended_ = false;
};

class GzipCompressor : public CompressorBase {
 public:
  explicit GzipCompressor(std::unique_ptr<ByteSource> content) : CompressorBase(std::move(content)) {
    // 16 + 15: a gzip header (of zlib's own making: no time, no name) and the largest window.
    constexpr int kWindowBits = 16 + 15;
    constexpr int kMemoryLevel = 8;
    ready_ = ::deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kWindowBits, kMemoryLevel,
                            Z_DEFAULT_STRATEGY) == Z_OK;
  }
  GzipCompressor(const GzipCompressor&) = delete;
  GzipCompressor& operator=(const GzipCompressor&) = delete;
  ~GzipCompressor() override {
    if (ready_) (void)::deflateEnd(&stream_);
  }

  Result<std::size_t> read(std::span<char> buffer) override {
    if (!ready_) return fail(ErrorKind::kInternal, "compressing with gzip: out of memory");
    const auto room = static_cast<uInt>(std::min<std::size_t>(buffer.size(), 1U << 30U));
    stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream_.avail_out = room;
    while (stream_.avail_out == room && !done_) {
      TRY(fill());
      stream_.next_in = reinterpret_cast<Bytef*>(input().data());
      stream_.avail_in = static_cast<uInt>(input().size());
      const int rc = ::deflate(&stream_, ended() ? Z_FINISH : Z_NO_FLUSH);
      if (rc == Z_STREAM_ERROR) return fail(ErrorKind::kInternal, "compressing with gzip: {}", rc);
      consume(input().size() - stream_.avail_in);
      done_ = rc == Z_STREAM_END;
    }
    return room - stream_.avail_out;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
  bool done_ = false;
};

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { (void)::ZSTD_freeCCtx(context); }
};

class ZstdCompressor : public CompressorBase {
 public:
  explicit ZstdCompressor(std::unique_ptr<ByteSource> content)
      : CompressorBase(std::move(content)), context_(::ZSTD_createCCtx()) {
    if (context_ == nullptr) return;
    (void)::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, ZSTD_CLEVEL_DEFAULT);
    (void)::ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  }

  Result<std::size_t> read(std::span<char> buffer) override {
    if (context_ == nullptr) return fail(ErrorKind::kInternal, "compressing with zstd: out of memory");
    ZSTD_outBuffer to{.dst = buffer.data(), .size = buffer.size(), .pos = 0};
    while (to.pos == 0 && !done_) {
      TRY(fill());
      ZSTD_inBuffer from{.src = input().data(), .size = input().size(), .pos = 0};
      const std::size_t rc =
          ::ZSTD_compressStream2(context_.get(), &to, &from, ended() ? ZSTD_e_end : ZSTD_e_continue);
      if (::ZSTD_isError(rc) != 0)
        return fail(ErrorKind::kInternal, "compressing with zstd: {}", ::ZSTD_getErrorName(rc));
      consume(from.pos);
      done_ = ended() && rc == 0;
    }
    return to.pos;
  }

 private:
  std::unique_ptr<ZSTD_CCtx, FreeContext> context_;
  bool done_ = false;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> open_compressor(std::unique_ptr<ByteSource> content,
                                                    Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return content;
    case Compression::kGzip:
      return std::make_unique<GzipCompressor>(std::move(content));
    case Compression::kZstd:
      return std::make_unique<ZstdCompressor>(std::move(content));
    case Compression::kBzip2:
    case Compression::kXz:
      break;
  }
  return fail(ErrorKind::kUnsupported, "compressing with {} is not supported", to_string(compression));
}

}  // namespace agena::stage0
