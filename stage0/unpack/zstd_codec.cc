// zstd (RFC 8878): any number of frames and skippable frames, as zstd:chunked images have them.
#include <zstd.h>
#include <zstd_errors.h>

#include <memory>
#include <utility>

#include "stage0/unpack/decompressor.h"

namespace agena::stage0 {
namespace {

// 128 MiB, what `zstd --long` makes and any decoder takes without flags; the default of the library too, but
// said here so that it does not depend on it.
constexpr int kWindowLogMax = 27;

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const { (void)::ZSTD_freeDCtx(context); }
};

class ZstdSource : public Decompressor {
 public:
  ZstdSource(CompressedInput input, const DecompressionLimits& limits)
      : Decompressor(std::move(input), limits), context_(::ZSTD_createDCtx()) {
    if (context_ != nullptr)
      (void)::ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kWindowLogMax);
  }

 protected:
  Result<std::size_t> decode(std::span<char> buffer) override {
    if (context_ == nullptr) return damaged("zstd", "out of memory");
    while (true) {
      const bool at_end = TRY(input().at_end());
      if (at_end && between_frames_) return 0;
      const std::span<const char> in = input().available();
      ZSTD_inBuffer from{.src = in.data(), .size = in.size(), .pos = 0};
      ZSTD_outBuffer to{.dst = buffer.data(), .size = buffer.size(), .pos = 0};
      const std::size_t rc = ::ZSTD_decompressStream(context_.get(), &to, &from);
      input().consume(from.pos);
      if (::ZSTD_isError(rc) != 0) return bad(rc);
      // 0: a frame is complete and flushed. What follows must be another one.
      between_frames_ = rc == 0;
      if (to.pos > 0) return to.pos;
      if (at_end && !between_frames_) return cut_short("zstd");
    }
  }

 private:
  std::unexpected<Error> bad(std::size_t rc) {
    const ZSTD_ErrorCode code = ::ZSTD_getErrorCode(rc);
    if (code == ZSTD_error_prefix_unknown) return trailing("zstd");
    if (code == ZSTD_error_frameParameter_windowTooLarge)
      return damaged("zstd", "its window is larger than 128 MiB");
    return damaged("zstd", code == ZSTD_error_checksum_wrong ? "wrong checksum" : ::ZSTD_getErrorName(rc));
  }

  std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
  bool between_frames_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> make_zstd_source(CompressedInput input, const DecompressionLimits& limits) {
  return std::make_unique<ZstdSource>(std::move(input), limits);
}

}  // namespace agena::stage0
