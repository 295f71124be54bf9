// The archive skeleton of a layer: what, together with the layer's files, gives the exact archive back that
// it was unpacked from. All bytes of the archive are in it but the contents of regular files, in whose places
// it names the files.
//
//   "agena-archive 1 zstd\n", then one zstd stream of items, each led by a byte that says what it is:
//     1 LENGTH BYTES               the archive goes on with these bytes
//     2 LENGTH PATH OFFSET COUNT   the archive goes on with COUNT bytes of the layer's file PATH, from OFFSET
//     0 TOTAL                      the archive's end, and its length; the last item
//   Numbers are unsigned LEB128.
//
// An archive that cannot be had back (something in it replaced what came before) has the skeleton
// "agena-archive 1 incomplete: WHY\n".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

// Content of members that are not written as files (sockets, files of aufs) is kept up to this much.
constexpr std::uint64_t kMaxUnwrittenContent = 1U << 20U;
// A skeleton does not become longer than this; 5 million entries take some 150 MiB.
constexpr std::uint64_t kMaxSkeletonBytes = 256U << 20U;

// Writes a skeleton to an empty file while the archive is read.
class SkeletonWriter {
 public:
  // The descriptor must stay open.
  explicit SkeletonWriter(int fd);
  SkeletonWriter(const SkeletonWriter&) = delete;
  SkeletonWriter& operator=(const SkeletonWriter&) = delete;
  ~SkeletonWriter();

  // The archive goes on with these bytes.
  Result<> keep(std::span<const char> bytes);
  // The archive goes on with content of a file of the layer.
  Result<> refer(std::string_view path, std::uint64_t offset, std::uint64_t count);
  // From now on nothing is kept; the first reason counts.
  void give_up(std::string why);
  bool complete() const { return why_not_.empty(); }
  // Ends the skeleton of an archive of this length. The digest (SHA-256) of what was written; nullopt if the
  // skeleton is incomplete.
  Result<std::optional<Digest>> finish(std::uint64_t archive_bytes);

 private:
  struct Compressor;
  Result<> compress(bool end);
  Result<> write_out(std::string_view bytes);

  int fd_;
  std::unique_ptr<Compressor> compressor_;
  Hasher hasher_{HashAlgorithm::kSha256};
  std::string items_;  // not compressed yet
  std::uint64_t written_ = 0;
  std::string why_not_;
};

// Opens the archive that a skeleton and the layer's tree make. Its length and digest are checked where it
// ends: whoever reads it must read to the end to trust it. Everything read is foreign: files are taken only
// from below the tree. kNotFound, with the reason, if the skeleton is incomplete; kVerification while reading
// if files have changed.
Result<std::unique_ptr<ByteSource>> open_skeleton(sys::UniqueFd skeleton, sys::DirFd tree,
                                                  const Digest& archive_digest, std::uint64_t archive_bytes);

}  // namespace agena::stage0
