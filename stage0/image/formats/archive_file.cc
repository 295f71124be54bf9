#include "stage0/image/formats/archive_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/image/link_path.h"
#include "stage0/unpack/tar_reader.h"

namespace agena::stage0 {
namespace {

// Decompresses a whole file into an unnamed one.
Result<sys::UniqueFd> decompress(const Store& store, int fd, Compression compression,
                                 std::uint64_t max_bytes) {
  // Its name goes with the directory; not every file system has O_TMPFILE.
  const Staging staging = TRY(store.stage());
  sys::UniqueFd plain = TRY(sys::open_at(staging.dir(), "archive", O_CREAT | O_EXCL | O_RDWR, 0600));
  FdSource compressed(fd);
  const DecompressedSource source = TRY(open_decompressor(compressed, compression, {.max_bytes = max_bytes}));
  std::vector<char> buffer(1U << 18U);
  while (const std::size_t size = TRY(source.content->read(buffer)))
    TRY_CTX(sys::write_all(plain.get(), {buffer.data(), size}), "decompressing the archive");
  return plain;
}

}  // namespace

Result<std::shared_ptr<const ArchiveFile>> ArchiveFile::open(const Store& store, sys::UniqueFd fd,
                                                             std::uint64_t max_bytes) {
  std::array<char, 8> head{};
  const ssize_t size = ::pread(fd.get(), head.data(), head.size(), 0);
  if (size < 0) return sys_fail("reading the archive");
  const Compression compression = sniff_compression({head.data(), static_cast<std::size_t>(size)});
  if (compression != Compression::kNone) fd = TRY(decompress(store, fd.get(), compression, max_bytes));

  std::shared_ptr<ArchiveFile> archive(new ArchiveFile(std::move(fd)));
  for (const TarMember& member : TRY(index_tar(archive->fd_.get()))) {
    const bool usable = member.type == TarEntry::Type::kFile || member.type == TarEntry::Type::kSymlink ||
                        member.type == TarEntry::Type::kHardLink;
    if (!usable) continue;
    Member entry{.extent = {.offset = member.data_offset, .length = member.size}, .link = {}};
    if (member.type == TarEntry::Type::kSymlink)
      entry.link = link_path(member.path, member.link_target);
    else if (member.type == TarEntry::Type::kHardLink)
      entry.link = link_path("", member.link_target);
    archive->members_[member.path] = std::move(entry);
  }
  return archive;
}

std::optional<Extent> ArchiveFile::find(const std::string& path) const {
  constexpr int kMostLinks = 16;
  const std::string* at = &path;
  for (int links = 0; links < kMostLinks; ++links) {
    const auto it = members_.find(*at);
    if (it == members_.end()) return std::nullopt;
    if (it->second.link.empty()) return it->second.extent;
    at = &it->second.link;
  }
  return std::nullopt;
}

std::unique_ptr<ByteSource> ArchiveFile::source(const Extent& extent) const {
  return std::make_unique<FdSource>(fd_.get(), extent.offset, extent.length);
}

Result<std::string> ArchiveFile::read(const std::string& path, std::size_t max_bytes) const {
  const auto extent = find(path);
  if (!extent) return fail(ErrorKind::kNotFound, "no such file '{}' in the archive", printable(path));
  if (extent->length > max_bytes)
    return fail(ErrorKind::kInvalidInput, "'{}' has {} bytes; at most {} are read", printable(path),
                extent->length, max_bytes);
  const auto bytes = source(*extent);
  return TRY_CTX(read_to_end(*bytes, max_bytes), "'{}'", printable(path));
}

}  // namespace agena::stage0
