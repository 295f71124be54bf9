#include "stage0/unpack/record_format.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "common/base/strings.h"
#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

constexpr std::string_view kHeader = "agena-tree 1 ";
constexpr std::size_t kFields = 11;
constexpr std::string_view kKinds = "fdlcbphw-";
constexpr std::string_view kHexDigits = "0123456789abcdef";

void append_hex(std::string_view bytes, std::string& out) {
  std::size_t at = out.size();
  out.resize(at + (2 * bytes.size()));
  for (const char c : bytes) {
    out[at++] = kHexDigits[static_cast<unsigned char>(c) >> 4U];
    out[at++] = kHexDigits[static_cast<unsigned char>(c) & 0xfU];
  }
}

void append_escaped(std::string_view text, std::string& out) {
  if (text.empty() || text == "-") {
    out.append(text.empty() ? "-" : "\\x2d");
    return;
  }
  for (const char c : text) {
    if (c > ' ' && c < '\x7f' && c != '\\' && c != '=' && c != ',') {
      out.push_back(c);
    } else {
      out.append("\\x");
      append_hex(std::string_view(&c, 1), out);
    }
  }
}

Result<std::string> unescape(std::string_view text) {
  std::string out;
  if (text == "-") return out;
  constexpr std::size_t kEscape = 4;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    if (text.substr(i, 2) != "\\x" || i + kEscape > text.size())
      return fail(ErrorKind::kVerification, "a broken escape");
    out.append(TRY(from_hex(text.substr(i + 2, 2))));
    i += kEscape - 1;
  }
  return out;
}

Result<std::vector<TarEntry::Xattr>> parse_xattrs(std::string_view text) {
  std::vector<TarEntry::Xattr> xattrs;
  if (text == "-") return xattrs;
  for (const std::string& item : split(text, ',')) {
    const Cut parts = cut(item, '=');
    xattrs.push_back({.name = TRY(unescape(parts.before)),
                      .value = parts.after.empty() ? std::string() : TRY(from_hex(parts.after))});
  }
  return xattrs;
}

Result<std::uint32_t> parse_u32(std::string_view text) {
  return static_cast<std::uint32_t>(TRY(parse_uint(text, UINT32_MAX)));
}

Result<HashState> parse_state(std::string_view hex) {
  const std::string bytes = TRY(from_hex(hex));
  HashState state;
  if (bytes.size() != 32 && bytes.size() != 64)
    return fail(ErrorKind::kVerification, "a hash state of odd size");
  state.size = bytes.size();
  std::ranges::transform(bytes, state.bytes.begin(), [](char c) { return static_cast<unsigned char>(c); });
  return state;
}

void append_state(const HashState& state, std::string& out) {
  std::array<char, sizeof state.bytes> chars{};
  std::ranges::transform(state.bytes, chars.begin(), [](unsigned char c) { return static_cast<char>(c); });
  append_hex({chars.data(), state.size}, out);
}

constexpr std::size_t kBlock = 4096;

void hash_block(Hasher& hasher, std::uint64_t offset, std::string_view bytes) {
  if (bytes.find_first_not_of('\0') == std::string_view::npos) return;
  std::array<char, 8> led{};
  for (char& c : led) {
    c = static_cast<char>(offset & 0xffU);
    offset >>= 8U;
  }
  hasher.update(std::span<const char>(led));
  hasher.update(bytes);
}

}  // namespace

void append_record_line(const RecordLine& line, std::string& out) {
  out.push_back(static_cast<char>(line.kind));
  out.push_back(' ');
  append_escaped(line.path, out);
  fmt::format_to(std::back_inserter(out), " {} {} {} {} {} {}:{} ", line.mode, line.uid, line.gid,
                 line.mtime_sec, line.size, line.dev_major, line.dev_minor);
  out.append(line.content.empty() ? std::string_view("-") : std::string_view(line.content));
  out.push_back(' ');
  if (line.xattrs.empty()) out.push_back('-');
  for (std::size_t i = 0; i < line.xattrs.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_escaped(line.xattrs[i].name, out);
    out.push_back('=');
    append_hex(line.xattrs[i].value, out);
  }
  out.push_back(' ');
  append_escaped(line.target, out);
  out.push_back('\n');
}

Result<RecordLine> parse_record_line(std::string_view text) {
  const std::vector<std::string> fields = split(text, ' ');
  if (fields.size() != kFields || fields[0].size() != 1 || !kKinds.contains(fields[0][0]))
    return fail(ErrorKind::kVerification, "the tree record has a broken line");
  const Cut device = cut(fields[7], ':');
  return RecordLine{.kind = static_cast<RecordKind>(fields[0][0]),
                    .path = TRY(unescape(fields[1])),
                    .mode = TRY(parse_u32(fields[2])),
                    .uid = TRY(parse_u32(fields[3])),
                    .gid = TRY(parse_u32(fields[4])),
                    .mtime_sec = TRY(parse_int(fields[5], INT64_MIN, INT64_MAX)),
                    .size = TRY(parse_uint(fields[6])),
                    .dev_major = TRY(parse_u32(device.before)),
                    .dev_minor = TRY(parse_u32(device.after)),
                    .content = fields[8] == "-" ? std::string() : fields[8],
                    .xattrs = TRY(parse_xattrs(fields[9])),
                    .target = TRY(unescape(fields[10]))};
}

std::string record_header(HashAlgorithm algorithm) {
  return fmt::format("{}{}", kHeader, to_string(algorithm));
}

Result<HashAlgorithm> parse_record_header(std::string_view text) {
  for (const HashAlgorithm algorithm : {HashAlgorithm::kSha256, HashAlgorithm::kSha512})
    if (text == record_header(algorithm)) return algorithm;
  return fail(ErrorKind::kVerification, "not a tree record of a known version");
}

std::string chain_content(const HashState& before, const HashState& after) {
  std::string out = "chain=";
  append_state(before, out);
  out.push_back(':');
  append_state(after, out);
  return out;
}

Result<Chain> parse_chain_content(std::string_view content) {
  const Cut kind = cut(content, '=');
  const Cut states = cut(kind.after, ':');
  if (kind.before != "chain" || !states.found)
    return fail(ErrorKind::kVerification, "not a pair of hash states");
  return Chain{.before = TRY(parse_state(states.before)), .after = TRY(parse_state(states.after))};
}

Result<std::string> hash_blocks(int fd) {
  Hasher hasher(HashAlgorithm::kSha256);
  std::vector<char> buffer(64 * kBlock);
  struct stat st{};
  if (::fstat(fd, &st) != 0) return sys_fail("reading attributes");
  // File systems without holes report the whole file as data.
  for (off_t at = 0; at < st.st_size;) {
    const off_t data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0) return sys_fail("looking for data");
    at = data - (data % static_cast<off_t>(kBlock));
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys_fail("reading");
    auto size = static_cast<std::size_t>(n);
    if (at + n < st.st_size) size -= size % kBlock;  // only the last block of the file may be partial
    if (size == 0) return fail(ErrorKind::kSystem, "reading: the file changes meanwhile");
    std::fill(buffer.begin() + static_cast<std::ptrdiff_t>(size), buffer.end(), '\0');
    for (std::size_t block = 0; block < size; block += kBlock)
      hash_block(hasher, static_cast<std::uint64_t>(at) + block, {buffer.data() + block, kBlock});
    at += static_cast<off_t>(size);
  }
  return "blocks=" + hasher.finish().hex();
}

RecordWriter::RecordWriter(int fd, HashAlgorithm algorithm)
    : fd_(fd), hasher_(HashAlgorithm::kSha256), buffer_(record_header(algorithm) + "\n") {}

Result<> RecordWriter::add(const RecordLine& line) {
  constexpr std::size_t kFlushAt = 64U << 10U;
  append_record_line(line, buffer_);
  return buffer_.size() < kFlushAt ? Result<>() : flush();
}

Result<> RecordWriter::flush() {
  hasher_.update(buffer_);
  TRY_CTX(sys::write_all(fd_, buffer_), "writing the tree record");
  buffer_.clear();
  return {};
}

Result<Digest> RecordWriter::finish() {
  TRY(flush());
  return hasher_.finish();
}

}  // namespace agena::stage0
