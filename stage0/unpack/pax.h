// Extended headers of the pax format (POSIX.1-2017 pax): records "LENGTH KEY=VALUE\n". Internal to
// stage0/unpack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "stage0/unpack/tar_reader.h"

namespace agena::stage0 {

// More entries than this in a sparse map are refused (memory; CVE-2025-58183 is about this).
constexpr std::size_t kMaxSparseSegments = 65536;

struct PaxTime {
  std::int64_t sec;
  std::uint32_t nsec;
};

// What an extended header says about the next member.
struct PaxAttributes {
  std::optional<std::string> path;
  std::optional<std::string> link_path;
  std::optional<std::uint64_t> size;
  std::optional<std::uint64_t> uid;
  std::optional<std::uint64_t> gid;
  std::optional<PaxTime> mtime;
  std::vector<TarEntry::Xattr> xattrs;
  // GNU sparse, formats 0.0, 0.1 (map in the header) and 1.0 (map in front of the content).
  std::optional<std::uint64_t> sparse_major;
  std::optional<std::uint64_t> sparse_minor;
  std::optional<std::string> sparse_name;
  std::optional<std::uint64_t> sparse_size;
  std::vector<std::uint64_t> sparse_map;  // offset, length, offset, length, …
  bool sparse() const { return sparse_major.has_value() || sparse_size.has_value() || !sparse_map.empty(); }
};

// Parses the content of an `x` header. A key that comes twice counts the last time; unknown keys are ignored.
Result<PaxAttributes> parse_pax(std::string_view content);
// Checks a `g` header: engines disagree on whether it counts (GNU tar applies it, Go does not), so only keys
// that do not matter to us are let through.
Result<> check_pax_global(std::string_view content);
// Decimal digits, nothing else.
Result<std::uint64_t> parse_pax_number(std::string_view text);

}  // namespace agena::stage0
