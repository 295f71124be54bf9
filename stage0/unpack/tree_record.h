// The tree record: what an unpacked layer must look like on disk, written while it is unpacked, and the check
// of a directory against it.
//
// A record is a log of lines, one for each thing made; later lines about a path replace earlier ones.
// Contents are covered without hashing them a second time: the hash of the archive (the diffID) is a chain of
// states over 64- or 128-byte blocks, and file contents start and end at multiples of 512 bytes in a tar. So
// the line of a file holds the state of that hash before and after its content; running the hash from the
// first state over the file on disk (padded by zeros) must give the second. Files for which this does not
// hold (sparse ones, odd padding, copies from lower layers) have a plain sha256 instead. Times are compared
// in seconds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

struct TreeDifference {
  std::string path;  // printable
  std::string what;  // "is missing", "has mode 0755, not 04755", "has other content"
};

struct TreeReport {
  std::uint64_t entries = 0;
  std::uint64_t file_bytes = 0;             // bytes of content compared
  std::vector<TreeDifference> differences;  // the first 100 at most
  bool intact() const { return differences.empty(); }
};

// Compares a layer's directory with its record. The record itself must have the given digest (kVerification
// otherwise).
Result<TreeReport> verify_tree(sys::DirRef tree, int record_fd, const Digest& record_digest);

}  // namespace agena::stage0
