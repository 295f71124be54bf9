#include "stage0/unpack/tar_parser.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

// Ids have 32 bits and the last value means "no change" (chown(2)); a larger one would come out as another
// user, 2^32 as root.
constexpr std::uint64_t kMaxId = 0xffff'fffeULL;
constexpr std::uint32_t kModeBits = 07777;
// Device numbers of Linux: 12 and 20 bits.
constexpr std::int64_t kMaxDevMajor = (1 << 12) - 1;
constexpr std::int64_t kMaxDevMinor = (1 << 20) - 1;

std::size_t padding_of(std::uint64_t size) {
  return static_cast<std::size_t>((kTarBlock - (size % kTarBlock)) % kTarBlock);
}

bool all_zero(std::span<const char> bytes) {
  return std::ranges::all_of(bytes, [](char c) { return c == 0; });
}

}  // namespace

std::unexpected<Error> TarParser::malformed(std::string_view what) const {
  return fail(ErrorKind::kInvalidInput, "malformed archive: member at byte {}: {}", header_offset_, what);
}

std::unexpected<Error> TarParser::truncated(std::string_view where) const {
  return fail(ErrorKind::kVerification, "the archive is cut short: it ends at byte {}, inside {}",
              input_.offset(), where);
}

Result<bool> TarParser::next(TarEntry& entry) {
  (void)TRY(end_content());
  while (true) {
    if (!TRY(read_header())) return false;
    switch (header_.type) {
      case 'x':
      case 'g':
      case 'L':
      case 'K':
        TRY(read_extension());
        break;
      default:
        TRY(read_entry(entry));
        return true;
    }
  }
}

Result<std::span<const char>> TarParser::data() {
  if (content_left_ == 0) return std::span<const char>();
  const std::span<const char> piece = TRY(input_.peek(content_left_));
  if (piece.empty()) return truncated("the content of a member");
  input_.advance(piece.size());
  content_left_ -= piece.size();
  return piece;
}

Result<bool> TarParser::end_content() {
  if (TRY(input_.skip(content_left_)) != content_left_) return truncated("the content of a member");
  content_left_ = 0;
  bool zero = true;
  while (padding_left_ > 0) {
    const std::span<const char> piece = TRY(input_.peek(padding_left_));
    if (piece.empty()) return truncated("the padding of a member");
    zero = zero && all_zero(piece);
    input_.advance(piece.size());
    padding_left_ -= piece.size();
  }
  return zero;
}

// Fills block_; false at the end of the archive.
Result<bool> TarParser::read_block() {
  const std::size_t n = TRY(input_.read(block_));
  if (n != 0 && n != kTarBlock) return truncated("a header");
  return n != 0;
}

// Reads and parses the next header; false at the end of the archive, which is then read to its last byte.
Result<bool> TarParser::read_header() {
  header_offset_ = input_.offset();
  const bool more = TRY(read_block());
  if (more && !is_zero_block(block_)) {
    auto parsed = parse_tar_header(block_, header_);
    if (!parsed) return malformed(parsed.error().message());
    return true;
  }
  if (pending_.any()) return malformed("the archive ends behind an extension header");
  if (!more) {
    warnings_.emplace_back("the archive has no end marker");
    return false;
  }
  TRY(end_archive());
  return false;
}

// What is behind the first zero block of the end marker.
Result<> TarParser::end_archive() {
  if (!TRY(read_block())) {
    warnings_.emplace_back("the archive's end marker is one block instead of two");
    return {};
  }
  // Whether a single zero block ends an archive is not agreed between tar readers.
  if (!is_zero_block(block_)) return malformed("a lone zero block instead of a header");
  const std::uint64_t start = input_.offset();
  bool zero = true;
  while (true) {
    const std::span<const char> piece = TRY(input_.peek(kChunkBytes));
    if (piece.empty()) break;
    zero = zero && all_zero(piece);
    input_.advance(piece.size());
    if (input_.offset() - start > kMaxTarTrailer)
      return malformed("too much data behind the end of the archive");
  }
  if (!zero)
    warnings_.push_back(fmt::format("{} bytes behind the end of the archive (byte {}) are ignored",
                                    input_.offset() - start, start));
  return {};
}

Result<> TarParser::read_extension() {
  switch (header_.type) {
    case 'x': {
      if (pending_.pax) return malformed("two pax headers for one member");
      const std::string content = TRY(read_extension_content());
      auto parsed = parse_pax(content);
      if (!parsed) return malformed(parsed.error().to_string());
      pending_.pax = *std::move(parsed);
      return {};
    }
    case 'g': {
      if (pending_.any()) return malformed("a global pax header between a member and its extension header");
      auto checked = check_pax_global(TRY(read_extension_content()));
      if (!checked) return malformed(checked.error().to_string());
      return {};
    }
    case 'L':
      return read_long(pending_.long_name);
    default:
      return read_long(pending_.long_link);
  }
}

// The content of an extension header. Its size is its own: a pax header before it speaks of the member only
// (readers that got this wrong saw other members than the rest).
Result<std::string> TarParser::read_extension_content() {
  if (header_.size < 0 || static_cast<std::uint64_t>(header_.size) > kMaxTarExtension)
    return malformed(
        fmt::format("extension header of {} bytes (the limit is {})", header_.size, kMaxTarExtension));
  std::string content(static_cast<std::size_t>(header_.size), '\0');
  if (TRY(input_.read(content)) != content.size()) return truncated("an extension header");
  padding_left_ = padding_of(content.size());
  (void)TRY(end_content());
  return content;
}

Result<> TarParser::read_long(std::optional<std::string>& into) {
  if (into) return malformed("two long names for one member");
  std::string content = TRY(read_extension_content());
  content.resize(std::min(content.size(), content.find('\0')));
  if (content.empty()) return malformed("an empty long name");
  into = std::move(content);
  return {};
}

Result<> TarParser::read_entry(TarEntry& entry) {
  TRY(set_type(entry));
  TRY(set_names(entry));
  TRY(set_attributes(entry));
  entry.sparse = false;
  entry.segments.clear();
  TRY(set_size(entry));
  if (header_.type == 'S') {
    TRY(set_gnu_sparse(entry));
  } else if (pending_.pax && pending_.pax->sparse()) {
    TRY(set_pax_sparse(entry));
  }
  entry.data_offset = input_.offset();
  pending_ = {};
  return {};
}

Result<> TarParser::set_type(TarEntry& entry) {
  using enum TarEntry::Type;
  switch (header_.type) {
    case '\0':
    case '0':
    case '7':
    case 'S':
      entry.type = (header_.mode & S_IFMT) == S_IFSOCK ? kSocket : kFile;
      break;
    case '1':
      entry.type = kHardLink;
      break;
    case '2':
      entry.type = kSymlink;
      break;
    case '3':
      entry.type = kCharDevice;
      break;
    case '4':
      entry.type = kBlockDevice;
      break;
    case '5':
      entry.type = kDirectory;
      break;
    case '6':
      entry.type = kFifo;
      break;
    default:
      return malformed(fmt::format("'{}' is of unknown type '{}'", printable(header_.name),
                                   printable(std::string_view(&header_.type, 1))));
  }
  return {};
}

Result<> TarParser::set_names(TarEntry& entry) {
  const PaxAttributes* pax = pending_.pax ? &*pending_.pax : nullptr;
  // Readers disagree on which of two long forms wins.
  if (pax != nullptr && ((pax->path && pending_.long_name) || (pax->link_path && pending_.long_link)))
    return malformed("both a pax and a GNU long name");
  if (pax != nullptr && pax->sparse_name) {
    entry.path = *pax->sparse_name;
  } else if (pax != nullptr && pax->path) {
    entry.path = *pax->path;
  } else {
    entry.path = pending_.long_name ? *pending_.long_name : header_.name;
  }
  if (entry.path.empty()) return malformed("a member without a name");
  // Archives from before ustar know a directory by its name only.
  if (header_.type == '\0' && entry.path.ends_with('/')) entry.type = TarEntry::Type::kDirectory;
  if (entry.type != TarEntry::Type::kHardLink && entry.type != TarEntry::Type::kSymlink) {
    entry.link_target.clear();
    return {};
  }
  if (pax != nullptr && pax->link_path) {
    entry.link_target = *pax->link_path;
  } else {
    entry.link_target = pending_.long_link ? *pending_.long_link : header_.link_name;
  }
  if (entry.link_target.empty())
    return malformed(fmt::format("the link '{}' has no target", printable(entry.path)));
  return {};
}

Result<> TarParser::set_attributes(TarEntry& entry) {
  PaxAttributes* pax = pending_.pax ? &*pending_.pax : nullptr;
  if (header_.uid < 0 || header_.gid < 0)
    return malformed(fmt::format("'{}' has a negative owner", printable(entry.path)));
  const std::uint64_t uid = pax != nullptr && pax->uid ? *pax->uid : static_cast<std::uint64_t>(header_.uid);
  const std::uint64_t gid = pax != nullptr && pax->gid ? *pax->gid : static_cast<std::uint64_t>(header_.gid);
  if (uid > kMaxId || gid > kMaxId)
    return malformed(fmt::format("'{}' belongs to {}:{}, beyond the largest id {}", printable(entry.path),
                                 uid, gid, kMaxId));
  entry.uid = static_cast<std::uint32_t>(uid);
  entry.gid = static_cast<std::uint32_t>(gid);
  entry.mode = static_cast<std::uint32_t>(header_.mode) & kModeBits;
  const PaxTime mtime = pax != nullptr && pax->mtime ? *pax->mtime : PaxTime{.sec = header_.mtime, .nsec = 0};
  entry.mtime_sec = mtime.sec;
  entry.mtime_nsec = mtime.nsec;
  if (header_.dev_major < 0 || header_.dev_major > kMaxDevMajor || header_.dev_minor < 0 ||
      header_.dev_minor > kMaxDevMinor)
    return malformed(fmt::format("'{}' has a device number out of range", printable(entry.path)));
  entry.dev_major = static_cast<std::uint32_t>(header_.dev_major);
  entry.dev_minor = static_cast<std::uint32_t>(header_.dev_minor);
  entry.xattrs.clear();
  if (pax != nullptr) entry.xattrs.swap(pax->xattrs);
  return {};
}

Result<> TarParser::set_size(TarEntry& entry) {
  entry.size = 0;
  entry.stored_size = 0;
  content_left_ = 0;
  padding_left_ = 0;
  // A hard link may repeat the size of its file; nobody stores the content.
  if (entry.type == TarEntry::Type::kHardLink) return {};
  const PaxAttributes* pax = pending_.pax ? &*pending_.pax : nullptr;
  if (header_.size < 0) return malformed(fmt::format("'{}' has a negative size", printable(entry.path)));
  const std::uint64_t size =
      pax != nullptr && pax->size ? *pax->size : static_cast<std::uint64_t>(header_.size);
  const bool has_content = entry.type == TarEntry::Type::kFile || entry.type == TarEntry::Type::kSocket;
  // Readers disagree on whether such a member has content in the archive.
  if (!has_content && size != 0)
    return malformed(fmt::format("'{}' is not a file, but has a size", printable(entry.path)));
  entry.size = size;
  entry.stored_size = size;
  content_left_ = size;
  padding_left_ = padding_of(size);
  return {};
}

Result<> TarParser::set_gnu_sparse(TarEntry& entry) {
  if (!header_.gnu || (pending_.pax && pending_.pax->sparse()))
    return malformed("a sparse file in a mixed format");
  auto sparse = parse_gnu_sparse_header(block_, entry.segments);
  while (sparse && sparse->extended) {
    if (!TRY(read_block())) return truncated("a sparse map");
    auto more = parse_gnu_sparse_extension(block_, entry.segments);
    if (!more) return malformed(more.error().message());
    sparse->extended = *more;
    if (entry.segments.size() > kMaxSparseSegments) return malformed("the sparse map has too many entries");
  }
  if (!sparse) return malformed(sparse.error().message());
  if (sparse->real_size < 0) return malformed("a sparse file has a negative size");
  entry.size = static_cast<std::uint64_t>(sparse->real_size);
  return finish_sparse(entry);
}

Result<> TarParser::set_pax_sparse(TarEntry& entry) {
  const PaxAttributes& pax = *pending_.pax;
  if (entry.type != TarEntry::Type::kFile) return malformed("a sparse map for something that is no file");
  if (!pax.sparse_size) return malformed("a sparse file without its size");
  entry.size = *pax.sparse_size;
  if (!pax.sparse_major || *pax.sparse_major == 0) {
    for (std::size_t i = 0; i < pax.sparse_map.size(); i += 2)
      entry.segments.push_back({.offset = pax.sparse_map[i], .length = pax.sparse_map[i + 1]});
    return finish_sparse(entry);
  }
  if (*pax.sparse_major != 1 || pax.sparse_minor.value_or(0) != 0 || !pax.sparse_map.empty())
    return malformed("unknown version of GNU's sparse format");
  // Format 1.0: the map stands in front of the content, as decimal lines, padded to a block.
  block_.fill(0);
  sparse_at_ = kTarBlock;
  const std::uint64_t count = TRY(read_sparse_number());
  if (count > kMaxSparseSegments) return malformed("the sparse map has too many entries");
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t offset = TRY(read_sparse_number());
    entry.segments.push_back({.offset = offset, .length = TRY(read_sparse_number())});
  }
  entry.stored_size = content_left_;
  return finish_sparse(entry);
}

// One line of a format 1.0 map; blocks are taken from the content as they are needed.
Result<std::uint64_t> TarParser::read_sparse_number() {
  constexpr std::uint64_t kMax = INT64_MAX / 16;
  std::uint64_t value = 0;
  for (bool any = false;; any = true) {
    if (sparse_at_ == kTarBlock) {
      if (content_left_ < kTarBlock) return malformed("the sparse map is longer than the member");
      if (!TRY(read_block())) return truncated("a sparse map");
      content_left_ -= kTarBlock;
      sparse_at_ = 0;
    }
    const char c = block_[sparse_at_++];
    if (c == '\n' && any) return value;
    if (c < '0' || c > '9' || value > kMax) return malformed("the sparse map is no list of numbers");
    value = (value * 10) + static_cast<std::uint64_t>(c - '0');
  }
}

// Checks the map: ascending, apart, inside the file, and covering what is stored exactly.
Result<> TarParser::finish_sparse(TarEntry& entry) {
  entry.sparse = true;
  std::uint64_t end = 0;
  std::uint64_t stored = 0;
  for (const TarEntry::Segment& segment : entry.segments) {
    if (segment.offset < end || segment.offset > entry.size || segment.length > entry.size - segment.offset)
      return malformed(
          fmt::format("'{}' has a sparse map that does not fit the file", printable(entry.path)));
    end = segment.offset + segment.length;
    stored += segment.length;
  }
  if (stored != entry.stored_size)
    return malformed(fmt::format("'{}' has a sparse map of {} bytes, but stores {}", printable(entry.path),
                                 stored, entry.stored_size));
  return {};
}

}  // namespace agena::stage0
