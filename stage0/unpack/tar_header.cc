#include "stage0/unpack/tar_header.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace agena::stage0 {
namespace {

// POSIX.1-2017 pax, "ustar Interchange Format"; GNU's fields overlay the prefix (tar.h of GNU tar).
struct Field {
  std::size_t at;
  std::size_t size;
};
constexpr Field kName{.at = 0, .size = 100};
constexpr Field kMode{.at = 100, .size = 8};
constexpr Field kUid{.at = 108, .size = 8};
constexpr Field kGid{.at = 116, .size = 8};
constexpr Field kSize{.at = 124, .size = 12};
constexpr Field kMtime{.at = 136, .size = 12};
constexpr Field kChecksum{.at = 148, .size = 8};
constexpr std::size_t kType = 156;
constexpr Field kLinkName{.at = 157, .size = 100};
constexpr Field kMagic{.at = 257, .size = 8};  // with the version
constexpr Field kDevMajor{.at = 329, .size = 8};
constexpr Field kDevMinor{.at = 337, .size = 8};
constexpr Field kPrefix{.at = 345, .size = 155};
constexpr Field kStarPrefix{.at = 345, .size = 131};  // star keeps times behind it
constexpr Field kStarMark{.at = 508, .size = 4};
constexpr std::size_t kGnuMap = 386;
constexpr std::size_t kGnuMapEntries = 4;
constexpr std::size_t kGnuExtended = 482;
constexpr Field kGnuRealSize{.at = 483, .size = 12};
constexpr std::size_t kGnuExtensionEntries = 21;
constexpr std::size_t kGnuExtensionMore = 504;
constexpr std::size_t kGnuNumber = 12;

using std::string_view_literals::operator""sv;

std::span<const char> cut_field(TarBlock block, Field field) { return block.subspan(field.at, field.size); }

std::string_view text_of(TarBlock block, Field field) {
  const std::string_view all(block.data() + field.at, field.size);
  return all.substr(0, all.find('\0'));
}

bool is_blank(char c) { return c == ' ' || c == '\0'; }

Result<std::int64_t> parse_base256(std::span<const char> field, const char* what) {
  // Two's complement, big-endian; the top bit only marks the encoding.
  const bool negative = (static_cast<unsigned char>(field[0]) & 0x40U) != 0;
  const unsigned flip = negative ? 0xffU : 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const unsigned byte = (static_cast<unsigned char>(field[i]) ^ flip) & (i == 0 ? 0x7fU : 0xffU);
    if ((value >> 56U) != 0)
      return fail(ErrorKind::kInvalidInput, "the {} in the header is out of range", what);
    value = (value << 8U) | byte;
  }
  if ((value >> 63U) != 0)
    return fail(ErrorKind::kInvalidInput, "the {} in the header is out of range", what);
  return negative ? ~static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
}

Result<> check_checksum(TarBlock block) {
  const std::int64_t stored = TRY(parse_tar_number(cut_field(block, kChecksum), "checksum"));
  std::int64_t unsigned_sum = 0;
  std::int64_t signed_sum = 0;  // what some old systems computed
  for (std::size_t i = 0; i < kTarBlock; ++i) {
    const bool in_field = i >= kChecksum.at && i < kChecksum.at + kChecksum.size;
    const char c = in_field ? ' ' : block[i];
    unsigned_sum += static_cast<unsigned char>(c);
    signed_sum += static_cast<signed char>(c);
  }
  if (stored != unsigned_sum && stored != signed_sum)
    return fail(ErrorKind::kInvalidInput, "wrong header checksum");
  return {};
}

Result<> append_sparse_entries(TarBlock block, std::size_t at, std::size_t count,
                               std::vector<TarEntry::Segment>& map) {
  for (std::size_t i = 0; i < count; ++i, at += 2 * kGnuNumber) {
    if (block[at] == '\0') break;  // an unused entry ends the list
    const std::int64_t offset = TRY(parse_tar_number(block.subspan(at, kGnuNumber), "sparse offset"));
    const std::int64_t length =
        TRY(parse_tar_number(block.subspan(at + kGnuNumber, kGnuNumber), "sparse length"));
    if (offset < 0 || length < 0) return fail(ErrorKind::kInvalidInput, "negative numbers in the sparse map");
    map.push_back(
        {.offset = static_cast<std::uint64_t>(offset), .length = static_cast<std::uint64_t>(length)});
  }
  return {};
}

}  // namespace

bool is_zero_block(TarBlock block) {
  return block[0] == 0 && std::memcmp(block.data(), block.data() + 1, kTarBlock - 1) == 0;
}

Result<std::int64_t> parse_tar_number(std::span<const char> field, const char* what) {
  if ((static_cast<unsigned char>(field[0]) & 0x80U) != 0) return parse_base256(field, what);
  const auto* at = std::ranges::find_if(field, [](char c) { return c != ' '; }).base();
  const auto* const end = field.data() + field.size();
  // 12 octal digits are 36 bits: no overflow.
  std::int64_t value = 0;
  for (; at != end && *at >= '0' && *at <= '7'; ++at) value = (value * 8) + (*at - '0');
  // Readers disagree on what may follow the digits; nothing may.
  if (!std::all_of(at, end, is_blank))
    return fail(ErrorKind::kInvalidInput, "the {} in the header is not an octal number", what);
  return value;
}

Result<> parse_tar_header(TarBlock block, TarHeader& header) {
  TRY(check_checksum(block));
  const std::string_view magic(block.data() + kMagic.at, kMagic.size);
  header.type = block[kType];
  header.gnu = magic == "ustar  \0"sv;
  header.name.clear();
  if (magic.starts_with("ustar\0"sv)) {
    const bool star = std::string_view(block.data() + kStarMark.at, kStarMark.size) == "tar\0"sv;
    const std::string_view prefix = text_of(block, star ? kStarPrefix : kPrefix);
    if (!prefix.empty()) header.name.append(prefix).push_back('/');
  }
  header.name.append(text_of(block, kName));
  header.link_name.assign(text_of(block, kLinkName));
  header.mode = TRY(parse_tar_number(cut_field(block, kMode), "mode"));
  header.uid = TRY(parse_tar_number(cut_field(block, kUid), "user id"));
  header.gid = TRY(parse_tar_number(cut_field(block, kGid), "group id"));
  header.size = TRY(parse_tar_number(cut_field(block, kSize), "size"));
  header.mtime = TRY(parse_tar_number(cut_field(block, kMtime), "modification time"));
  const bool device = header.type == '3' || header.type == '4';
  header.dev_major = device ? TRY(parse_tar_number(cut_field(block, kDevMajor), "device number")) : 0;
  header.dev_minor = device ? TRY(parse_tar_number(cut_field(block, kDevMinor), "device number")) : 0;
  return {};
}

Result<GnuSparseHeader> parse_gnu_sparse_header(TarBlock block, std::vector<TarEntry::Segment>& map) {
  TRY(append_sparse_entries(block, kGnuMap, kGnuMapEntries, map));
  return GnuSparseHeader{
      .extended = block[kGnuExtended] != '\0',
      .real_size = TRY(parse_tar_number(cut_field(block, kGnuRealSize), "sparse file's size"))};
}

Result<bool> parse_gnu_sparse_extension(TarBlock block, std::vector<TarEntry::Segment>& map) {
  TRY(append_sparse_entries(block, 0, kGnuExtensionEntries, map));
  return block[kGnuExtensionMore] != '\0';
}

}  // namespace agena::stage0
