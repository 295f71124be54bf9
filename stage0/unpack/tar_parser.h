// The grammar of tar archives over a TarInput. Internal to stage0/unpack; others use TarReader.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "stage0/unpack/pax.h"
#include "stage0/unpack/tar_header.h"
#include "stage0/unpack/tar_input.h"

namespace agena::stage0 {

// Extension headers (pax, GNU long names) above this are refused.
constexpr std::uint64_t kMaxTarExtension = 1U << 20U;
// What may follow the end-of-archive marker; it is hashed and ignored.
constexpr std::uint64_t kMaxTarTrailer = 64U << 20U;

class TarParser {
 public:
  explicit TarParser(TarInput& input) : input_(input) {}

  // As TarReader's functions of these names.
  Result<bool> next(TarEntry& entry);
  Result<std::span<const char>> data();
  const std::vector<std::string>& warnings() const { return warnings_; }

  // Moves behind the rest of the current member's content and its padding; returns whether the padding is
  // zero.
  Result<bool> end_content();

 private:
  // Extension headers that wait for their member.
  struct Pending {
    std::optional<PaxAttributes> pax;
    std::optional<std::string> long_name;
    std::optional<std::string> long_link;
    bool any() const { return pax || long_name || long_link; }
  };

  Result<bool> read_header();
  Result<> read_extension();
  Result<std::string> read_extension_content();
  Result<> read_long(std::optional<std::string>& into);
  Result<> read_entry(TarEntry& entry);
  Result<> set_type(TarEntry& entry);
  Result<> set_names(TarEntry& entry);
  Result<> set_attributes(TarEntry& entry);
  Result<> set_size(TarEntry& entry);
  Result<> set_gnu_sparse(TarEntry& entry);
  Result<> set_pax_sparse(TarEntry& entry);
  Result<> finish_sparse(TarEntry& entry);
  Result<std::uint64_t> read_sparse_number();
  Result<bool> read_block();
  Result<> end_archive();
  std::unexpected<Error> malformed(std::string_view what) const;
  std::unexpected<Error> truncated(std::string_view where) const;

  TarInput& input_;
  std::array<char, kTarBlock> block_{};
  TarHeader header_;
  std::uint64_t header_offset_ = 0;
  Pending pending_;
  std::uint64_t content_left_ = 0;
  std::size_t padding_left_ = 0;
  std::size_t sparse_at_ = 0;  // in block_, while a format 1.0 map is read
  std::vector<std::string> warnings_;
};

}  // namespace agena::stage0
