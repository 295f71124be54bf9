#include "stage0/unpack/pax.h"

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"

namespace agena::stage0 {
namespace {

// Linux lists at most 64 KiB of names per file; nothing real comes near this.
constexpr std::size_t kMaxXattrs = 512;
constexpr std::string_view kSchilyXattr = "SCHILY.xattr.";

struct Record {
  std::string_view key;
  std::string_view value;
};

// Takes the first record off the content.
Result<Record> take_record(std::string_view& content) {
  const std::size_t space = content.find(' ');
  constexpr std::size_t kMaxLengthDigits = 7;  // an extended header has at most 1 MiB
  if (space == std::string_view::npos || space > kMaxLengthDigits)
    return fail(ErrorKind::kInvalidInput, "a pax record does not start with its length");
  const std::uint64_t length = TRY(parse_pax_number(content.substr(0, space)));
  if (length > content.size() || length < space + 3 || content[length - 1] != '\n')
    return fail(ErrorKind::kInvalidInput, "a pax record has a wrong length");
  const std::string_view text = content.substr(space + 1, length - space - 2);
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || text.substr(0, equals).contains('\0'))
    return fail(ErrorKind::kInvalidInput, "a pax record has no proper key");
  content.remove_prefix(length);
  return Record{.key = text.substr(0, equals), .value = text.substr(equals + 1)};
}

Result<PaxTime> parse_time(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const Cut parts = cut(text, '.');
  const std::uint64_t whole = TRY(parse_pax_number(parts.before));
  constexpr std::uint64_t kMax = 1ULL << 62U;
  if (whole > kMax || !std::ranges::all_of(parts.after, [](char c) { return c >= '0' && c <= '9'; }))
    return fail(ErrorKind::kInvalidInput, "the pax time '{}' is not a number in range", printable(text));
  constexpr std::size_t kDigits = 9;
  std::uint32_t nsec = 0;
  for (std::size_t i = 0; i < kDigits; ++i)
    nsec = (nsec * 10) + (i < parts.after.size() ? static_cast<std::uint32_t>(parts.after[i] - '0') : 0);
  const auto sec = static_cast<std::int64_t>(whole);
  if (!negative) return PaxTime{.sec = sec, .nsec = nsec};
  constexpr std::uint32_t kNanosPerSec = 1'000'000'000;
  return nsec == 0 ? PaxTime{.sec = -sec, .nsec = 0} : PaxTime{.sec = -sec - 1, .nsec = kNanosPerSec - nsec};
}

Result<std::string> parse_path(std::string_view value) {
  if (value.contains('\0')) return fail(ErrorKind::kInvalidInput, "a pax path contains a NUL byte");
  return std::string(value);
}

Result<> set_map(std::string_view value, PaxAttributes& out) {
  out.sparse_map.clear();
  while (!value.empty()) {
    if (out.sparse_map.size() >= 2 * kMaxSparseSegments)
      return fail(ErrorKind::kInvalidInput, "the sparse map has too many entries");
    const Cut parts = cut(value, ',');
    out.sparse_map.push_back(TRY(parse_pax_number(parts.before)));
    if (parts.found && parts.after.empty())
      return fail(ErrorKind::kInvalidInput, "the sparse map ends with a comma");
    value = parts.after;
  }
  return {};
}

// Format 0.0: offset and numbytes records take turns, and all of them count.
Result<> add_to_map(std::string_view value, bool offset, PaxAttributes& out) {
  if ((out.sparse_map.size() % 2 == 0) != offset)
    return fail(ErrorKind::kInvalidInput, "the sparse map's offsets and lengths do not take turns");
  if (out.sparse_map.size() >= 2 * kMaxSparseSegments)
    return fail(ErrorKind::kInvalidInput, "the sparse map has too many entries");
  out.sparse_map.push_back(TRY(parse_pax_number(value)));
  return {};
}

template <auto kMember>
Result<> set_number(std::string_view value, PaxAttributes& out) {
  out.*kMember = TRY(parse_pax_number(value));
  return {};
}

template <auto kMember>
Result<> set_path(std::string_view value, PaxAttributes& out) {
  out.*kMember = TRY(parse_path(value));
  return {};
}

Result<> set_mtime(std::string_view value, PaxAttributes& out) {
  out.mtime = TRY(parse_time(value));
  return {};
}

Result<> ignore(std::string_view, PaxAttributes&) { return {}; }

struct KeyRow {
  std::string_view name;
  Result<> (*set)(std::string_view value, PaxAttributes& out);
  bool harmless;  // may stand in a global header
};
constexpr std::array kKeys = {
    KeyRow{.name = "GNU.sparse.major", .set = set_number<&PaxAttributes::sparse_major>, .harmless = false},
    KeyRow{.name = "GNU.sparse.map", .set = set_map, .harmless = false},
    KeyRow{.name = "GNU.sparse.minor", .set = set_number<&PaxAttributes::sparse_minor>, .harmless = false},
    KeyRow{.name = "GNU.sparse.name", .set = set_path<&PaxAttributes::sparse_name>, .harmless = false},
    KeyRow{.name = "GNU.sparse.numblocks", .set = ignore, .harmless = false},
    KeyRow{.name = "GNU.sparse.numbytes",
           .set = [](std::string_view value, PaxAttributes& out) { return add_to_map(value, false, out); },
           .harmless = false},
    KeyRow{.name = "GNU.sparse.offset",
           .set = [](std::string_view value, PaxAttributes& out) { return add_to_map(value, true, out); },
           .harmless = false},
    KeyRow{.name = "GNU.sparse.realsize", .set = set_number<&PaxAttributes::sparse_size>, .harmless = false},
    KeyRow{.name = "GNU.sparse.size", .set = set_number<&PaxAttributes::sparse_size>, .harmless = false},
    KeyRow{.name = "gid", .set = set_number<&PaxAttributes::gid>, .harmless = false},
    KeyRow{.name = "linkpath", .set = set_path<&PaxAttributes::link_path>, .harmless = false},
    KeyRow{.name = "mtime", .set = set_mtime, .harmless = true},
    KeyRow{.name = "path", .set = set_path<&PaxAttributes::path>, .harmless = false},
    KeyRow{.name = "size", .set = set_number<&PaxAttributes::size>, .harmless = false},
    KeyRow{.name = "uid", .set = set_number<&PaxAttributes::uid>, .harmless = false},
};
static_assert(sorted_by_name(kKeys));

Result<> set_xattr(std::string_view name, std::string_view value, PaxAttributes& out) {
  if (auto same = std::ranges::find(out.xattrs, name, &TarEntry::Xattr::name); same != out.xattrs.end()) {
    same->value.assign(value);
    return {};
  }
  if (out.xattrs.size() >= kMaxXattrs)
    return fail(ErrorKind::kInvalidInput, "more than {} extended attributes", kMaxXattrs);
  out.xattrs.push_back({.name = std::string(name), .value = std::string(value)});
  return {};
}

}  // namespace

Result<std::uint64_t> parse_pax_number(std::string_view text) {
  auto number = parse_uint(text, INT64_MAX);
  if (!number) return fail(ErrorKind::kInvalidInput, "'{}' is not a number in a pax header", printable(text));
  return *number;
}

Result<PaxAttributes> parse_pax(std::string_view content) {
  PaxAttributes out;
  while (!content.empty()) {
    const Record record = TRY(take_record(content));
    if (record.key.starts_with(kSchilyXattr)) {
      TRY(set_xattr(record.key.substr(kSchilyXattr.size()), record.value, out));
      continue;
    }
    const KeyRow* row = find_by_name(kKeys, record.key);
    // An empty value takes an override back; there is none before an `x` header.
    if (row == nullptr || record.value.empty()) continue;
    TRY_CTX(row->set(record.value, out), "pax key '{}'", record.key);
  }
  if (out.sparse_map.size() % 2 != 0)
    return fail(ErrorKind::kInvalidInput, "the sparse map has an odd number of values");
  return out;
}

Result<> check_pax_global(std::string_view content) {
  while (!content.empty()) {
    const Record record = TRY(take_record(content));
    const KeyRow* row = find_by_name(kKeys, record.key);
    if (record.key.starts_with(kSchilyXattr) || (row != nullptr && !row->harmless))
      return fail(ErrorKind::kInvalidInput,
                  "a global pax header sets '{}', which tar readers do not agree about",
                  printable(record.key));
  }
  return {};
}

}  // namespace agena::stage0
