// Lines of the tree record (tree_record.h) and the writer of them. Internal to stage0/unpack.
//
//   agena-tree 1 ALGORITHM
//   KIND PATH MODE UID GID MTIME SIZE RDEV CONTENT XATTRS TARGET
//
// One space between fields; "-" is an empty field. Bytes of names that are not plain ASCII, and "\", "=",
// ",", are written \xNN. CONTENT is chain=HEX:HEX (states of the archive's hash) or blocks=HEX
// (hash_blocks()); XATTRS is NAME=HEX,NAME=HEX. The root directory is ".".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "stage0/unpack/hash.h"
#include "stage0/unpack/tar_reader.h"

namespace agena::stage0 {

// What a line is about.
enum class RecordKind : char {
  kFile = 'f',
  kDirectory = 'd',
  kSymlink = 'l',
  kCharDevice = 'c',
  kBlockDevice = 'b',
  kFifo = 'p',
  kHardLink = 'h',  // another name of the file `target`
  kWhiteout = 'w',
  kGone = '-',  // what earlier lines say of the path and of everything below it no longer holds
};

// Fields that a kind does not have stay at their defaults.
struct RecordLine {
  RecordKind kind = RecordKind::kFile;
  std::string path;
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_sec = 0;
  std::uint64_t size = 0;
  std::uint32_t dev_major = 0;
  std::uint32_t dev_minor = 0;
  std::string content;  // as in the line
  std::vector<TarEntry::Xattr> xattrs;
  std::string target;
};

// Appends the line with its newline.
void append_record_line(const RecordLine& line, std::string& out);
// Parses a line without its newline.
Result<RecordLine> parse_record_line(std::string_view text);

std::string record_header(HashAlgorithm algorithm);
Result<HashAlgorithm> parse_record_header(std::string_view text);

// "chain=HEX:HEX"
std::string chain_content(const HashState& before, const HashState& after);
struct Chain {
  HashState before;
  HashState after;
};
Result<Chain> parse_chain_content(std::string_view content);

// sha256 over the blocks of 4096 bytes of a file that are not all zero, each led by its offset (8 bytes,
// little endian) and filled up by zeros: depends on the content only, and costs nothing for holes. The
// descriptor must be readable. As "blocks=HEX".
Result<std::string> hash_blocks(int fd);

// Writes a record to a descriptor, hashing it.
class RecordWriter {
 public:
  // The algorithm is that of the archive's hash, whose states the lines hold.
  RecordWriter(int fd, HashAlgorithm algorithm);
  Result<> add(const RecordLine& line);
  // Writes what is buffered; the digest of all.
  Result<Digest> finish();

 private:
  Result<> flush();
  int fd_;
  Hasher hasher_;
  std::string buffer_;
};

}  // namespace agena::stage0
