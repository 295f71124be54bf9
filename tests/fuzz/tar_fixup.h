// Lets a fuzzer get past the checksums of tar headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/support/tar_builder.h"

namespace agena::fuzz {

// Gives every header of an archive, as far as its octal sizes lead from one to the next, the right checksum.
inline void fix_tar_checksums(std::string& archive) {
  constexpr std::size_t kBlock = 512;
  constexpr std::size_t kSizeAt = 124;
  constexpr std::size_t kSizeDigits = 11;
  for (std::size_t at = 0; at + kBlock <= archive.size();) {
    std::string block = archive.substr(at, kBlock);
    if (block.find_first_not_of('\0') == std::string::npos) return;
    agena::testing::TarBuilder::seal(block);
    archive.replace(at, kBlock, block);
    std::uint64_t size = 0;
    for (std::size_t i = kSizeAt; i < kSizeAt + kSizeDigits && block[i] >= '0' && block[i] <= '7'; ++i)
      size = (size * 8) + static_cast<std::uint64_t>(block[i] - '0');
    const char type = block[156];
    const bool has_content = type == '0' || type == '\0' || type == '7' || type == 'S' || type == 'x' ||
                             type == 'g' || type == 'L' || type == 'K';
    at += kBlock + (has_content ? (size + kBlock - 1) / kBlock * kBlock : 0);
  }
}

}  // namespace agena::fuzz
