#include "stage0/unpack/decompressor.h"

#include <algorithm>
#include <cstring>

namespace agena::stage0 {
namespace {

constexpr std::size_t kInputBytes = 128U << 10U;

}  // namespace

CompressedInput::CompressedInput(ByteSource& source) : source_(&source), buffer_(kInputBytes) {}

Result<> CompressedInput::fetch(std::size_t n) {
  if (end_ - at_ >= n) return {};
  std::memmove(buffer_.data(), buffer_.data() + at_, end_ - at_);
  end_ -= std::exchange(at_, 0);
  while (end_ < n && !ended_) {
    const std::size_t got = TRY(source_->read(std::span(buffer_).subspan(end_)));
    ended_ = got == 0;
    end_ += got;
    fetched_ += got;
  }
  return {};
}

Result<bool> CompressedInput::at_end() {
  TRY(fetch(1));
  return end_ == at_;
}

Result<std::size_t> Decompressor::read(std::span<char> buffer) {
  const std::size_t n = TRY(decode(buffer));
  produced_ += n;
  const std::uint64_t counted = limits_.together != nullptr ? limits_.together->fetch_add(n) + n : produced_;
  if (counted > limits_.max_bytes)
    return std::unexpected(
        Error(ErrorKind::kInvalidInput,
              fmt::format("unpacked, it is larger than the limit of {} bytes", limits_.max_bytes))
            .with_hint(kSizeLimitHint));
  if (limits_.max_bytes == kDefaultMaxUnpackedBytes && produced_ > limits_.ratio_from &&
      produced_ / limits_.max_ratio > input_.offset())
    return std::unexpected(
        Error(ErrorKind::kInvalidInput,
              fmt::format("the content grows more than {} times by decompression ({} bytes from {}); this "
                          "looks like a decompression bomb",
                          limits_.max_ratio, produced_, input_.offset()))
            .with_hint(kSizeLimitHint));
  return n;
}

std::unexpected<Error> Decompressor::damaged(std::string_view format, std::string_view why) const {
  return fail(ErrorKind::kVerification, "the {} data is damaged at or before byte {}: {}", format,
              input_.offset(), why);
}

std::unexpected<Error> Decompressor::cut_short(std::string_view format) const {
  return fail(ErrorKind::kVerification, "the {} data is cut short: it ends at byte {}", format,
              input_.offset());
}

std::unexpected<Error> Decompressor::trailing(std::string_view format) {
  const std::uint64_t where = input_.offset();
  const auto bytes = input_.available();
  const bool zeros = std::ranges::all_of(bytes, [](char c) { return c == 0; });
  return fail(ErrorKind::kInvalidInput, "trailing {} behind the end of the {} data (byte {})",
              zeros ? "zero bytes" : "garbage", format, where);
}

}  // namespace agena::stage0
