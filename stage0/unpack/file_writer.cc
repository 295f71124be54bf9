#include "stage0/unpack/file_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace agena::stage0 {
namespace {

// Shorter runs of zeros are written: a hole costs an extent and makes later writes there slower.
constexpr std::uint64_t kMinHole = 64U << 10U;
// Zeros are looked for in pieces of this size at these offsets.
constexpr std::size_t kProbe = 4096;
// Writeback starts for each of these; smaller files are left to the final sync, which orders them better.
constexpr std::uint64_t kWritebackStep = 8U << 20U;
constexpr std::uint64_t kWritebackMin = 1U << 20U;

constexpr std::array<char, kProbe> kZeros{};

// Length of the run of zeros that the bytes, whose first is at `offset` in the file, begin with; looked at in
// pieces that end at multiples of kProbe.
std::size_t zero_run(std::span<const char> bytes, std::uint64_t offset) {
  std::size_t run = 0;
  while (run < bytes.size()) {
    const std::size_t piece =
        std::min(kProbe - static_cast<std::size_t>((offset + run) % kProbe), bytes.size() - run);
    if (std::memcmp(bytes.data() + run, kZeros.data(), piece) != 0) break;
    run += piece;
  }
  return run;
}

}  // namespace

FileWriter::FileWriter(int fd, std::uint64_t size, std::span<const TarEntry::Segment> map, bool sparse,
                       bool early_writeback)
    : fd_(fd), size_(size), map_(map), early_writeback_(early_writeback), segment_left_(sparse ? 0 : size) {}

Result<> FileWriter::write(std::span<const char> bytes) {
  while (!bytes.empty()) {
    if (segment_left_ == 0) {
      // The parser has checked that the map covers exactly what is stored.
      if (map_.empty()) return fail(ErrorKind::kInternal, "content beyond the end of the file");
      zeros_ = 0;
      at_ = map_.front().offset;
      segment_left_ = map_.front().length;
      map_ = map_.subspan(1);
      continue;
    }
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), segment_left_));
    TRY(write_data(bytes.first(n)));
    segment_left_ -= n;
    bytes = bytes.subspan(n);
  }
  return {};
}

// Bytes for at_: runs of zeros are held back until it is known whether they are long enough for a hole.
Result<> FileWriter::write_data(std::span<const char> bytes) {
  const bool may_have_holes = size_ >= kMinHole;
  while (!bytes.empty()) {
    if (const std::size_t zeros = may_have_holes ? zero_run(bytes, at_) : 0; zeros > 0) {
      zeros_ += zeros;
      at_ += zeros;
      bytes = bytes.subspan(zeros);
      continue;
    }
    const std::size_t data = may_have_holes ? data_run(bytes) : bytes.size();
    TRY(flush_zeros());
    TRY(write_out(at_, bytes.first(data)));
    at_ += data;
    bytes = bytes.subspan(data);
  }
  return {};
}

// Length of what is to be written at once: everything before a run of zeros that is a hole or that may become
// one with the next bytes.
std::size_t FileWriter::data_run(std::span<const char> bytes) const {
  std::size_t run = 0;
  while (run < bytes.size()) {
    const std::size_t zeros = zero_run(bytes.subspan(run), at_ + run);
    if (zeros >= kMinHole || (zeros > 0 && run + zeros == bytes.size())) break;
    const std::size_t next = run + zeros;
    const std::size_t piece = kProbe - static_cast<std::size_t>((at_ + next) % kProbe);
    run = std::min(next + piece, bytes.size());
  }
  return run;
}

Result<> FileWriter::flush_zeros() {
  if (zeros_ >= kMinHole) zeros_ = 0;
  while (zeros_ > 0) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(zeros_, kZeros.size()));
    TRY(write_out(at_ - zeros_, std::span(kZeros).first(n)));
    zeros_ -= n;
  }
  return {};
}

Result<> FileWriter::write_out(std::uint64_t offset, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys_fail("writing");
    offset += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  end_ = offset;
  start_writeback(kWritebackStep);
  return {};
}

// Starts writing back what has been written, if it is enough. Only a hint, so failures do not matter.
void FileWriter::start_writeback(std::uint64_t min) {
  if (!early_writeback_ || end_ < started_ + min) return;
  (void)::sync_file_range(fd_, static_cast<off_t>(started_), static_cast<off_t>(end_ - started_),
                          SYNC_FILE_RANGE_WRITE);
  started_ = end_;
}

Result<> FileWriter::finish() {
  TRY(flush_zeros());
  if (end_ < size_ && ::ftruncate(fd_, static_cast<off_t>(size_)) != 0) return sys_fail("setting the size");
  if (size_ >= kWritebackMin) start_writeback(1);
  return {};
}

}  // namespace agena::stage0
