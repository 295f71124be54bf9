// A tar file whose members are read in place: an OCI layout or a docker archive in one file.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/store/store.h"
#include "stage0/unpack/byte_source.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

// Where a blob lies, in a file that others read too.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

class ArchiveFile {
 public:
  // Indexes a tar. A compressed one, in which nothing can be read in place, is first decompressed into an
  // unnamed file in the store's staging area, of max_bytes at most.
  static Result<std::shared_ptr<const ArchiveFile>> open(const Store& store, sys::UniqueFd fd,
                                                         std::uint64_t max_bytes = kDefaultMaxUnpackedBytes);

  // A regular member by its normalised path; links inside the archive are followed. Of two members of one
  // name the last counts, as with tar.
  std::optional<Extent> find(const std::string& path) const;
  // Content of a member; kNotFound if there is none, kInvalidInput beyond max_bytes.
  Result<std::string> read(const std::string& path, std::size_t max_bytes) const;
  // A member's bytes as a source; any number may be open at a time. The source must not outlive the archive.
  std::unique_ptr<ByteSource> source(const Extent& extent) const;

 private:
  struct Member {
    Extent extent;
    std::string link;  // normalised path of another member; empty for a file
  };
  explicit ArchiveFile(sys::UniqueFd fd) : fd_(std::move(fd)) {}
  sys::UniqueFd fd_;
  std::map<std::string, Member> members_;
};

}  // namespace agena::stage0
