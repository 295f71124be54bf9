#include "stage0/image/render/tar_headers.h"

#include <array>
#include <cstring>
#include <numeric>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kBlock = 512;

// POSIX.1-1988 ustar; all fields are text.
struct Ustar {
  std::array<char, 100> name;
  std::array<char, 8> mode;
  std::array<char, 8> uid;
  std::array<char, 8> gid;
  std::array<char, 12> size;
  std::array<char, 12> mtime;
  std::array<char, 8> checksum;
  char type;
  std::array<char, 100> link;
  std::array<char, 8> magic_version;
  std::array<char, 32> user;
  std::array<char, 32> group;
  std::array<char, 8> dev_major;
  std::array<char, 8> dev_minor;
  std::array<char, 155> prefix;
  std::array<char, 12> unused;
};
static_assert(sizeof(Ustar) == kBlock);

template <std::size_t N>
void put_text(std::array<char, N>& field, std::string_view text) {
  std::memcpy(field.data(), text.data(), std::min(text.size(), N));
}

// Octal digits and a NUL; false if the number has too many.
template <std::size_t N>
bool put_octal(std::array<char, N>& field, std::uint64_t number) {
  std::string digits = fmt::format("{:0{}o}", number, N - 1);
  if (digits.size() > N - 1) return false;
  put_text(field, digits);
  return true;
}

// "LENGTH KEY=VALUE\n", LENGTH counting itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) length = std::to_string(length).size() + rest;
  return fmt::format("{} {}={}\n", length, key, value);
}

Result<char> type_flag(TarEntry::Type type) {
  using enum TarEntry::Type;
  switch (type) {
    case kFile:
      return '0';
    case kHardLink:
      return '1';
    case kSymlink:
      return '2';
    case kCharDevice:
      return '3';
    case kBlockDevice:
      return '4';
    case kDirectory:
      return '5';
    case kFifo:
      return '6';
    case kSocket:
      break;
  }
  return fail(ErrorKind::kUnsupported, "a socket cannot stand in an archive");
}

void seal(Ustar& header) {
  put_text(header.magic_version, std::string_view("ustar\00000", 8));
  header.checksum.fill(' ');
  std::array<unsigned char, kBlock> bytes{};
  std::memcpy(bytes.data(), &header, kBlock);
  const unsigned sum = std::accumulate(bytes.begin(), bytes.end(), 0U);
  // Six digits, a NUL and a space, by tradition.
  put_text(header.checksum, fmt::format("{:06o}", sum));
  header.checksum[6] = '\0';
  header.checksum[7] = ' ';
}

std::string bytes_of(const Ustar& header) {
  std::string bytes(kBlock, '\0');
  std::memcpy(bytes.data(), &header, kBlock);
  return bytes;
}

std::string pax_header(const std::string& records) {
  Ustar header{};
  put_text(header.name, "PaxHeader");
  (void)put_octal(header.mode, 0644);
  (void)put_octal(header.uid, 0);
  (void)put_octal(header.gid, 0);
  (void)put_octal(header.size, records.size());
  (void)put_octal(header.mtime, 0);
  header.type = 'x';
  seal(header);
  return bytes_of(header) + records + tar_padding(records.size());
}

// A time with all its digits; below zero too (-1.5 s is -2 s and 0.5 s in a timespec).
std::string pax_time(std::int64_t sec, std::uint32_t nsec) {
  if (sec >= 0 || nsec == 0) return fmt::format("{}.{:09}", sec, nsec);
  const std::int64_t whole = sec + 1;
  return fmt::format("{}{}.{:09}", whole == 0 ? "-" : "", whole, 1'000'000'000U - nsec);
}

}  // namespace

Result<std::string> tar_header(const TarEntry& entry) {
  Ustar header{};
  std::string records;
  const std::string name = entry.type == TarEntry::Type::kDirectory ? entry.path + "/" : entry.path;
  put_text(header.name, name);
  if (name.size() > header.name.size()) records += pax_record("path", name);
  put_text(header.link, entry.link_target);
  if (entry.link_target.size() > header.link.size()) records += pax_record("linkpath", entry.link_target);
  (void)put_octal(header.mode, entry.mode & 07777U);
  if (!put_octal(header.uid, entry.uid)) records += pax_record("uid", std::to_string(entry.uid));
  if (!put_octal(header.gid, entry.gid)) records += pax_record("gid", std::to_string(entry.gid));
  const std::uint64_t size = entry.type == TarEntry::Type::kFile ? entry.size : 0;
  if (!put_octal(header.size, size)) records += pax_record("size", std::to_string(size));
  const bool plain_time = entry.mtime_sec >= 0 && entry.mtime_nsec == 0 &&
                          put_octal(header.mtime, static_cast<std::uint64_t>(entry.mtime_sec));
  if (!plain_time) records += pax_record("mtime", pax_time(entry.mtime_sec, entry.mtime_nsec));
  if (!put_octal(header.dev_major, entry.dev_major) || !put_octal(header.dev_minor, entry.dev_minor))
    return fail(ErrorKind::kUnsupported, "'{}': device number {}:{} is too large for an archive",
                printable(entry.path), entry.dev_major, entry.dev_minor);
  for (const TarEntry::Xattr& xattr : entry.xattrs)
    records += pax_record("SCHILY.xattr." + xattr.name, xattr.value);
  header.type = TRY(type_flag(entry.type));
  seal(header);
  return (records.empty() ? "" : pax_header(records)) + bytes_of(header);
}

std::string tar_padding(std::uint64_t content_bytes) {
  return std::string((kBlock - content_bytes % kBlock) % kBlock, '\0');
}

std::string tar_end() { return std::string(2 * kBlock, '\0'); }

}  // namespace agena::stage0
