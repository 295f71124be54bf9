// A file that gets its name when it is complete. If anything goes wrong before, or the process is killed,
// nothing is left.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

// What every export says of a target that is there, without --overwrite.
std::unexpected<Error> target_exists(const std::string& path);

class TargetFile {
 public:
  // A new file for the path, which must not exist unless it may be overwritten (kAlreadyExists); a directory
  // is never overwritten.
  static Result<TargetFile> create(const std::string& path, bool overwrite);
  TargetFile(TargetFile&&) noexcept = default;
  TargetFile& operator=(TargetFile&&) noexcept = delete;
  TargetFile(const TargetFile&) = delete;
  TargetFile& operator=(const TargetFile&) = delete;
  ~TargetFile();

  // Open for reading and writing.
  int fd() const { return fd_.get(); }
  // Syncs the file and gives it its name.
  Result<> commit();

 private:
  TargetFile() = default;
  std::string name_;       // in dir_
  std::string path_;       // for messages
  std::string temporary_;  // its name so far; empty if it has none
  bool overwrite_ = false;
  sys::DirFd dir_;
  sys::UniqueFd fd_;
};

// An unnamed file for work in progress in a directory.
Result<sys::UniqueFd> open_spool(sys::DirRef dir);

// What went through write_stream().
struct Written {
  Digest digest;  // SHA-256
  std::uint64_t bytes = 0;
};
// Writes a source to a descriptor, to the source's end.
Result<Written> write_stream(ByteSource& source, int fd);

}  // namespace agena::stage0
