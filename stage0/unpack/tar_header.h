// The 512-byte header block of a tar member. Internal to stage0/unpack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/unpack/tar_reader.h"

namespace agena::stage0 {

constexpr std::size_t kTarBlock = 512;

using TarBlock = std::span<const char, kTarBlock>;

// A header as it stands, without what extension headers before it say.
struct TarHeader {
  char type = '0';
  bool gnu = false;  // old GNU format: no prefix, sparse map in the header
  std::string name;  // with the ustar prefix in front
  std::string link_name;
  std::int64_t mode = 0;  // may hold file type bits
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::int64_t size = 0;
  std::int64_t mtime = 0;
  std::int64_t dev_major = 0;  // of device types only
  std::int64_t dev_minor = 0;
};

// Whether the block is all zeros: half of an end-of-archive marker.
bool is_zero_block(TarBlock block);

// Parses a header block into `header`; checks its checksum. Errors do not say where (the caller knows).
Result<> parse_tar_header(TarBlock block, TarHeader& header);

// A number of a header field: octal, or base-256 with the top bit set (GNU).
Result<std::int64_t> parse_tar_number(std::span<const char> field, const char* what);

// The sparse map of an old GNU header (type S): appends its entries and says whether extension blocks follow;
// real_size is the size of the file as it will be.
struct GnuSparseHeader {
  bool extended = false;
  std::int64_t real_size = 0;
};
Result<GnuSparseHeader> parse_gnu_sparse_header(TarBlock block, std::vector<TarEntry::Segment>& map);
// One extension block of it; returns whether another follows.
Result<bool> parse_gnu_sparse_extension(TarBlock block, std::vector<TarEntry::Segment>& map);

}  // namespace agena::stage0
