#include "stage0/unpack/compression.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "common/base/table.h"
#include "stage0/unpack/decompressor.h"

namespace agena::stage0 {
namespace {

struct NameRow {
  Compression value;
  const char* name;
};
constexpr std::array kNames = {
    NameRow{.value = Compression::kNone, .name = "none"},
    NameRow{.value = Compression::kGzip, .name = "gzip"},
    NameRow{.value = Compression::kBzip2, .name = "bzip2"},
    NameRow{.value = Compression::kXz, .name = "xz"},
    NameRow{.value = Compression::kZstd, .name = "zstd"},
};

struct MagicRow {
  Compression compression;
  std::string_view bytes;
};
using std::string_view_literals::operator""sv;
constexpr std::array kMagics = {
    MagicRow{.compression = Compression::kGzip, .bytes = "\x1f\x8b"sv},
    MagicRow{.compression = Compression::kBzip2, .bytes = "BZh"sv},
    MagicRow{.compression = Compression::kXz,
             .bytes = "\xfd"
                      "7zXZ\0"sv},
    MagicRow{.compression = Compression::kZstd, .bytes = "\x28\xb5\x2f\xfd"sv},
};

// A zstd stream may open with a skippable frame (RFC 8878 section 3.1.2): magic 0x184D2A50 to 0x184D2A5F.
bool is_skippable_zstd_frame(std::string_view bytes) {
  return bytes.size() >= 4 && (static_cast<unsigned char>(bytes[0]) & 0xf0U) == 0x50U &&
         bytes.substr(1, 3) == "\x2a\x4d\x18"sv;
}

constexpr std::size_t kSniffBytes = 6;

// Uncompressed content: only the limit is of interest, and the bytes that were looked at come first.
class PlainSource : public Decompressor {
 public:
  PlainSource(CompressedInput input, ByteSource& source, const DecompressionLimits& limits)
      : Decompressor(std::move(input),
                     {.max_bytes = limits.max_bytes, .together = limits.together, .max_ratio = UINT64_MAX}),
        source_(source) {}

 protected:
  Result<std::size_t> decode(std::span<char> buffer) override {
    const std::span<const char> buffered = input().available();
    if (buffered.empty()) return source_.read(buffer);
    const std::size_t n = std::min(buffer.size(), buffered.size());
    std::memcpy(buffer.data(), buffered.data(), n);
    input().consume(n);
    return n;
  }

 private:
  ByteSource& source_;
};

const char* described(Compression compression) {
  return compression == Compression::kNone ? "an uncompressed archive" : to_string(compression);
}

}  // namespace

const char* to_string(Compression compression) {
  const auto* row = find_by_value(kNames, compression);
  return row != nullptr ? row->name : "?";
}

Compression sniff_compression(std::string_view first_bytes) {
  for (const MagicRow& magic : kMagics)
    if (first_bytes.starts_with(magic.bytes)) return magic.compression;
  return is_skippable_zstd_frame(first_bytes) ? Compression::kZstd : Compression::kNone;
}

Result<DecompressedSource> open_decompressor(ByteSource& compressed, std::optional<Compression> stated,
                                             const DecompressionLimits& limits) {
  CompressedInput input(compressed);
  TRY(input.fetch(kSniffBytes));
  const std::span<const char> start = input.available();
  const Compression found = sniff_compression({start.data(), std::min(start.size(), kSniffBytes)});
  if (stated && *stated != found) {
    if (start.empty())
      return fail(ErrorKind::kVerification, "the blob is empty, but it should be {}", described(*stated));
    return fail(ErrorKind::kInvalidInput, "the media type says {}, but the content is {}", described(*stated),
                found == Compression::kNone ? "something else" : described(found));
  }
  std::unique_ptr<ByteSource> content;
  switch (found) {
    case Compression::kNone:
      content = std::make_unique<PlainSource>(std::move(input), compressed, limits);
      break;
    case Compression::kGzip:
      content = make_gzip_source(std::move(input), limits);
      break;
    case Compression::kBzip2:
      content = make_bzip2_source(std::move(input), limits);
      break;
    case Compression::kXz:
      content = make_xz_source(std::move(input), limits);
      break;
    case Compression::kZstd:
      content = make_zstd_source(std::move(input), limits);
      break;
  }
  return DecompressedSource{.content = std::move(content), .compression = found};
}

}  // namespace agena::stage0
