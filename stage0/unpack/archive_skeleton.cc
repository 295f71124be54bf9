#include "stage0/unpack/archive_skeleton.h"

#include <unistd.h>
#include <zstd.h>

#include <utility>
#include <vector>

#include "common/sys/fs.h"
#include "stage0/unpack/skeleton_format.h"

namespace agena::stage0 {
namespace {

// Items are compressed when so many bytes of them are there.
constexpr std::size_t kBatch = 128U << 10U;
// The fast end of zstd: headers are alike and full of zeros, so that it finds what there is to find.
constexpr int kLevel = 1;
// 128 KiB, as the batch: the context takes little memory and stays in the processor's cache.
constexpr int kWindowLog = 17;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { (void)::ZSTD_freeCCtx(context); }
};

}  // namespace

struct SkeletonWriter::Compressor {
  std::unique_ptr<ZSTD_CCtx, FreeContext> context{::ZSTD_createCCtx()};
  std::vector<char> out = std::vector<char>(64U << 10U);
};

SkeletonWriter::SkeletonWriter(int fd) : fd_(fd), compressor_(std::make_unique<Compressor>()) {
  if (compressor_->context == nullptr) {
    give_up("out of memory");
    return;
  }
  ZSTD_CCtx* context = compressor_->context.get();
  (void)::ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kLevel);
  (void)::ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, kWindowLog);
}

SkeletonWriter::~SkeletonWriter() = default;

void SkeletonWriter::give_up(std::string why) {
  if (why_not_.empty()) why_not_ = std::move(why);
  items_.clear();
  compressor_.reset();
}

Result<> SkeletonWriter::keep(std::span<const char> bytes) {
  if (!complete() || bytes.empty()) return {};
  items_.push_back(kSkeletonBytes);
  append_leb128(bytes.size(), items_);
  items_.append(bytes.data(), bytes.size());
  return items_.size() < kBatch ? Result<>() : compress(false);
}

Result<> SkeletonWriter::refer(std::string_view path, std::uint64_t offset, std::uint64_t count) {
  if (!complete() || count == 0) return {};
  items_.push_back(kSkeletonFile);
  append_leb128(path.size(), items_);
  items_.append(path);
  append_leb128(offset, items_);
  append_leb128(count, items_);
  return items_.size() < kBatch ? Result<>() : compress(false);
}

Result<> SkeletonWriter::compress(bool end) {
  if (written_ == 0) TRY(write_out(kSkeletonHeader));
  ZSTD_inBuffer from{.src = items_.data(), .size = items_.size(), .pos = 0};
  bool done = false;
  while (!done) {
    ZSTD_outBuffer to{.dst = compressor_->out.data(), .size = compressor_->out.size(), .pos = 0};
    const std::size_t rc =
        ::ZSTD_compressStream2(compressor_->context.get(), &to, &from, end ? ZSTD_e_end : ZSTD_e_continue);
    if (::ZSTD_isError(rc) != 0)
      return fail(ErrorKind::kInternal, "compressing the archive's skeleton: {}", ::ZSTD_getErrorName(rc));
    TRY(write_out({compressor_->out.data(), to.pos}));
    done = end ? rc == 0 : from.pos == from.size;
  }
  items_.clear();
  if (written_ > kMaxSkeletonBytes) give_up("the archive has too many headers");
  return {};
}

Result<> SkeletonWriter::write_out(std::string_view bytes) {
  hasher_.update(bytes);
  written_ += bytes.size();
  TRY_CTX(sys::write_all(fd_, bytes), "writing the archive's skeleton");
  return {};
}

Result<std::optional<Digest>> SkeletonWriter::finish(std::uint64_t archive_bytes) {
  if (complete()) {
    items_.push_back(kSkeletonEnd);
    append_leb128(archive_bytes, items_);
    TRY(compress(true));
  }
  if (complete()) return hasher_.finish();
  if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0)
    return sys_fail("emptying the archive's skeleton");
  TRY(write_out(std::string(kSkeletonIncomplete) + why_not_ + "\n"));
  return std::nullopt;
}

}  // namespace agena::stage0
