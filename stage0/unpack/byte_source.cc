#include "stage0/unpack/byte_source.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace agena::stage0 {

Result<std::size_t> FdSource::read(std::span<char> buffer) {
  if (window_) {
    buffer = buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), window_->left)));
    if (buffer.empty()) return 0;
  }
  while (true) {
    const ssize_t n = window_
                          ? ::pread(fd_, buffer.data(), buffer.size(), static_cast<off_t>(window_->offset))
                          : ::read(fd_, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys_fail("reading");
    const auto bytes = static_cast<std::size_t>(n);
    if (!window_) return bytes;
    if (bytes == 0)
      return fail(ErrorKind::kVerification, "the file ends at byte {}, {} bytes too early", window_->offset,
                  window_->left);
    window_->offset += bytes;
    window_->left -= bytes;
    return bytes;
  }
}

Result<std::size_t> StringSource::read(std::span<char> buffer) {
  const std::size_t n = std::min(buffer.size(), bytes_.size() - at_);
  std::memcpy(buffer.data(), bytes_.data() + at_, n);
  at_ += n;
  return n;
}

Result<std::size_t> HashingSource::read(std::span<char> buffer) {
  const std::size_t n = TRY(inner_.read(buffer));
  bytes_ += n;
  if (expected_size_ && bytes_ > *expected_size_)
    return fail(ErrorKind::kVerification, "the blob is larger than the stated {} bytes", *expected_size_);
  if (expected_size_ && n == 0 && bytes_ < *expected_size_)
    return fail(ErrorKind::kVerification, "the blob has {} bytes instead of the stated {}", bytes_,
                *expected_size_);
  if (hashes_) hasher_.update(buffer.first(n));
  return n;
}

Result<std::string> read_to_end(ByteSource& source, std::size_t max_bytes) {
  std::string bytes;
  std::vector<char> buffer(65536);
  while (true) {
    const std::size_t n = TRY(source.read(buffer));
    if (n == 0) return bytes;
    if (n > max_bytes - bytes.size())
      return fail(ErrorKind::kInvalidInput, "larger than the limit of {} bytes", max_bytes);
    bytes.append(buffer.data(), n);
  }
}

}  // namespace agena::stage0
