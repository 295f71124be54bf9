// Writes the content of one file in order: runs of zeros become holes, and big files start on their way to
// the disk while they are written. Internal to stage0/unpack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/result.h"
#include "stage0/unpack/tar_reader.h"

namespace agena::stage0 {

class FileWriter {
 public:
  // An empty file open for writing, whose size will be `size`; with a map, what is written goes to its
  // segments.
  FileWriter(int fd, std::uint64_t size, std::span<const TarEntry::Segment> map, bool sparse,
             bool early_writeback);

  // The next bytes of the stored content.
  Result<> write(std::span<const char> bytes);
  // Gives the file its size; after the last write.
  Result<> finish();

 private:
  Result<> write_data(std::span<const char> bytes);
  std::size_t data_run(std::span<const char> bytes) const;
  Result<> flush_zeros();
  Result<> write_out(std::uint64_t offset, std::span<const char> bytes);
  void start_writeback(std::uint64_t min);

  int fd_;
  std::uint64_t size_;
  std::span<const TarEntry::Segment> map_;  // segments that are not begun
  bool early_writeback_;
  std::uint64_t at_ = 0;        // where the next byte goes
  std::uint64_t zeros_ = 0;     // zero bytes before at_ that are not written (yet)
  std::uint64_t segment_left_;  // of the segment that at_ is in
  std::uint64_t end_ = 0;       // of what is written
  std::uint64_t started_ = 0;   // what lies before is on its way to the disk
};

}  // namespace agena::stage0
