// Words and numbers of the archive skeleton (archive_skeleton.h). Internal to stage0/unpack.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace agena::stage0 {

inline constexpr std::string_view kSkeletonHeader = "agena-archive 1 zstd\n";
inline constexpr std::string_view kSkeletonIncomplete = "agena-archive 1 incomplete: ";

inline constexpr char kSkeletonEnd = 0;
inline constexpr char kSkeletonBytes = 1;
inline constexpr char kSkeletonFile = 2;

inline void append_leb128(std::uint64_t number, std::string& out) {
  constexpr std::uint64_t kMore = 0x80;
  for (; number >= kMore; number >>= 7U) out.push_back(static_cast<char>((number & 0x7fU) | kMore));
  out.push_back(static_cast<char>(number));
}

}  // namespace agena::stage0
