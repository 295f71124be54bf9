// A strict streaming reader of tar archives: ustar, pax, GNU. Knows nothing about images or file systems.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

// One member of an archive. Paths and link targets are the archive's bytes, unchecked and not normalised.
struct TarEntry {
  enum class Type { kFile, kHardLink, kSymlink, kCharDevice, kBlockDevice, kDirectory, kFifo, kSocket };
  struct Xattr {
    std::string name;
    std::string value;
  };
  // Where stored bytes go in a sparse file; ascending, not overlapping, inside of size.
  struct Segment {
    std::uint64_t offset;
    std::uint64_t length;
  };

  Type type = Type::kFile;
  std::string path;
  std::string link_target;  // of hard links and symlinks
  std::uint32_t mode = 0;   // permission bits, 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;         // of the file as it will be
  std::uint64_t stored_size = 0;  // bytes of content in the archive; less than size if sparse
  std::uint64_t data_offset = 0;  // where the content starts in the (decompressed) archive
  std::int64_t mtime_sec = 0;
  std::uint32_t mtime_nsec = 0;
  std::uint32_t dev_major = 0;
  std::uint32_t dev_minor = 0;
  bool sparse = false;
  std::vector<Segment> segments;  // of sparse files
  std::vector<Xattr> xattrs;
};

// Pulls members out of a source.
class TarReader {
 public:
  // The source must outlive the reader.
  explicit TarReader(ByteSource& source);
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;
  ~TarReader();

  // Moves to the next member, skipping unread content of the last one. False at the end of the archive, after
  // everything behind the end marker has been read too. Errors are kInvalidInput, with the offset in the
  // archive; an archive that ends inside a member is kVerification.
  Result<bool> next(TarEntry& entry);
  // The next piece of the current member's stored content; empty at its end. Valid until the next call.
  Result<std::span<const char>> data();
  // The whole content of the current member, which must not be sparse; an error beyond max_bytes.
  Result<std::string> read_content(std::size_t max_bytes);
  // Oddities met so far that are accepted, for the user ("no end-of-archive marker").
  const std::vector<std::string>& warnings() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// A regular file, symlink or hard link in a plain tar file on disk, found without reading contents.
struct TarMember {
  std::string path;  // normalised: no leading "/" or "./", no empty or "." components
  TarEntry::Type type;
  std::string link_target;  // as stored
  std::uint64_t data_offset;
  std::uint64_t size;
};

// All members of an uncompressed, seekable tar file, in its order (so that a blob in it can be read in place
// with an FdSource window). Sparse members and more than max_members are errors; directories are left out.
Result<std::vector<TarMember>> index_tar(int fd, std::size_t max_members = 100'000);

}  // namespace agena::stage0
