#include "stage0/unpack/tar_reader.h"

#include <sys/stat.h>

#include "common/base/strings.h"
#include "stage0/unpack/chunk_source.h"
#include "stage0/unpack/layer_path.h"
#include "stage0/unpack/tar_input.h"
#include "stage0/unpack/tar_parser.h"

namespace agena::stage0 {

class TarReader::Impl {
 public:
  explicit Impl(ByteSource& source) : chunks(make_direct_chunks(source)), input(*chunks), parser(input) {}
  std::unique_ptr<ChunkSource> chunks;
  TarInput input;
  TarParser parser;
  TarEntry* current = nullptr;
};

TarReader::TarReader(ByteSource& source) : impl_(std::make_unique<Impl>(source)) {}
TarReader::~TarReader() = default;

Result<bool> TarReader::next(TarEntry& entry) {
  impl_->current = &entry;
  return impl_->parser.next(entry);
}

Result<std::span<const char>> TarReader::data() { return impl_->parser.data(); }

Result<std::string> TarReader::read_content(std::size_t max_bytes) {
  const TarEntry& entry = *impl_->current;
  if (entry.sparse)
    return fail(ErrorKind::kInvalidInput, "'{}' is stored as a sparse file", printable(entry.path));
  if (entry.size > max_bytes)
    return fail(ErrorKind::kInvalidInput, "'{}' has {} bytes; the limit is {}", printable(entry.path),
                entry.size, max_bytes);
  std::string content;
  content.reserve(entry.size);
  while (true) {
    const std::span<const char> piece = TRY(data());
    if (piece.empty()) return content;
    content.append(piece.data(), piece.size());
  }
}

const std::vector<std::string>& TarReader::warnings() const { return impl_->parser.warnings(); }

Result<std::vector<TarMember>> index_tar(int fd, std::size_t max_members) {
  struct stat st{};
  if (::fstat(fd, &st) != 0) return sys_fail("reading the archive's size");
  if (!S_ISREG(st.st_mode)) return fail(ErrorKind::kInvalidInput, "not a regular file");
  const auto chunks = make_seeking_chunks(fd, static_cast<std::uint64_t>(st.st_size));
  TarInput input(*chunks);
  TarParser parser(input);
  std::vector<TarMember> members;
  TarEntry entry;
  while (TRY(parser.next(entry))) {
    if (entry.type == TarEntry::Type::kDirectory) continue;
    if (entry.sparse)
      return fail(ErrorKind::kInvalidInput, "'{}' is stored as a sparse file", printable(entry.path));
    if (members.size() == max_members)
      return fail(ErrorKind::kInvalidInput, "the archive has more than {} members", max_members);
    members.push_back({.path = TRY(normalise_path(entry.path)),
                       .type = entry.type,
                       .link_target = entry.link_target,
                       .data_offset = entry.data_offset,
                       .size = entry.size});
  }
  return members;
}

}  // namespace agena::stage0
