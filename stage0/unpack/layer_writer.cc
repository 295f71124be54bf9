#include "stage0/unpack/layer_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "common/base/strings.h"
#include "common/sys/fd.h"
#include "common/sys/fs.h"
#include "stage0/unpack/file_writer.h"
#include "stage0/unpack/layer_path.h"

namespace agena::stage0 {
namespace {

using sys::UniqueFd;

// Runs `make` (0, or -1 with errno) for a name; if something of the archive is in the way, removes it and
// runs it again.
template <class Make>
Result<> make_name(LayerTree& tree, const Place& place, Make make) {
  if (make() == 0) return {};
  if (errno != EEXIST) return sys_fail("creating it");
  TRY(tree.clear(place));
  if (make() != 0) return sys_fail("creating it");
  return {};
}

// Nobody else can reach the layer yet, so the file may have its final permissions from the start; bits beyond
// these have to wait for the owner and the content.
Result<UniqueFd> create_file(LayerTree& tree, const Place& place, std::uint32_t mode) {
  UniqueFd fd;
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  TRY(make_name(tree, place, [&] {
    fd.reset(::openat(place.dir, place.name.c_str(), kFlags, mode & 0777U));
    return fd ? 0 : -1;
  }));
  return fd;
}

RecordKind record_kind(TarEntry::Type type) {
  switch (type) {
    case TarEntry::Type::kCharDevice:
      return RecordKind::kCharDevice;
    case TarEntry::Type::kBlockDevice:
      return RecordKind::kBlockDevice;
    case TarEntry::Type::kFifo:
      return RecordKind::kFifo;
    case TarEntry::Type::kHardLink:
      return RecordKind::kHardLink;
    case TarEntry::Type::kSymlink:
      return RecordKind::kSymlink;
    case TarEntry::Type::kDirectory:
      return RecordKind::kDirectory;
    case TarEntry::Type::kFile:
    case TarEntry::Type::kSocket:
      break;
  }
  return RecordKind::kFile;
}

RecordLine line_for(RecordKind kind, const Place& place) {
  RecordLine line;
  line.kind = kind;
  line.path = place.path();
  return line;
}

// The line's content for a file whose bytes in the archive do not stand for it: hashed from the disk.
Result<std::string> hash_from_disk(const Place& place) {
  const UniqueFd fd = TRY(sys::open_at(sys::DirRef(place.dir), place.name, O_RDONLY | O_NOFOLLOW));
  return hash_blocks(fd.get());
}

// ENOSPC and EDQUOT are the user's to solve; everything else speaks for itself.
Error&& with_advice(Error&& error) {
  if (error.sys_errno() == ENOSPC || error.sys_errno() == EDQUOT)
    return std::move(error).with_hint("free space or inodes on the file system that holds the image store");
  return std::move(error);
}

}  // namespace

Result<> LayerWriter::add(TarEntry& entry, std::string_view path, std::string_view link_target) {
  if (entries_ == options_.max_entries)
    return fail(ErrorKind::kInvalidInput, "the archive has more than the limit of {} entries",
                options_.max_entries);
  ++entries_;
  auto added = [&]() -> Result<> {
    if (options_.kind == ArchiveKind::kLayer && TRY(add_marker(entry, path))) {
      note_unwritten(entry);
      return {};
    }
    Attributes attributes = attributes_of(entry, warnings_);
    using enum TarEntry::Type;
    if (path.empty() && entry.type != kDirectory)
      return fail(ErrorKind::kInvalidInput, "the root is not a directory");
    switch (entry.type) {
      case kFile:
        return add_file(entry, path, attributes);
      case kDirectory:
        return tree_.add_directory(path, std::move(attributes));
      case kSymlink:
        return add_symlink(entry, path, attributes);
      case kHardLink:
        return add_hard_link(path, link_target, attributes);
      case kCharDevice:
      case kBlockDevice:
      case kFifo:
        return add_node(entry, path, attributes);
      case kSocket:
        warnings_.add(fmt::format("'{}' is a socket and is left out", printable(path)));
        note_unwritten(entry);
        return {};
    }
    return fail(ErrorKind::kInternal, "unknown type");
  }();
  if (added) return {};
  return std::unexpected(with_advice(std::move(added).error())
                             .with_context(fmt::format("unpacking '{}'", printable(entry.path))));
}

// Names that begin with ".wh." are not files (layer.md). True if the entry was one and is dealt with.
Result<bool> LayerWriter::add_marker(const TarEntry& entry, std::string_view path) {
  if (!path.contains(kWhiteoutPrefix)) return false;
  const Timestamp when{.sec = entry.mtime_sec, .nsec = entry.mtime_nsec};
  const std::vector<std::string> names = split(path, '/');
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    if (names[i].starts_with(kAufsPrefix)) return true;
    if (names[i].starts_with(kWhiteoutPrefix))
      return fail(ErrorKind::kInvalidInput, "a whiteout is used as a directory");
  }
  const SplitPath parts = split_path(path);
  if (!parts.name.starts_with(kWhiteoutPrefix)) return false;
  if (parts.name == kOpaqueMarker) {
    TRY(tree_.add_opaque(parts.parent, when));
    return true;
  }
  if (parts.name.starts_with(kAufsPrefix)) {
    warnings_.add(fmt::format("'{}' is a file of aufs and is left out", printable(path)));
    return true;
  }
  const std::string_view name = parts.name.substr(kWhiteoutPrefix.size());
  if (name.empty() || name == "." || name == "..")
    return fail(ErrorKind::kInvalidInput, "a whiteout that names nothing");
  TRY(tree_.add_whiteout(parts.parent, name, when));
  return true;
}

Result<> LayerWriter::count_bytes(std::uint64_t size) {
  file_bytes_ += size;
  // Sparse files take no space here, but they do in whatever does not know holes.
  if (size > options_.limits.max_bytes || file_bytes_ > options_.limits.max_bytes)
    return std::unexpected(
        Error(ErrorKind::kInvalidInput,
              fmt::format("the files are larger than the limit of {} bytes", options_.limits.max_bytes))
            .with_hint(kSizeLimitHint));
  return {};
}

// The skeleton's share of a file: which pieces of it the archive holds, in order.
Result<> LayerWriter::refer_to(const TarEntry& entry, const Place& place) {
  if (!entry.sparse) return skeleton_->refer(place.path(), 0, entry.stored_size);
  for (const TarEntry::Segment& segment : entry.segments)
    TRY(skeleton_->refer(place.path(), segment.offset, segment.length));
  return {};
}

// Content that stands nowhere but in the archive goes to the skeleton, if it is not too much.
void LayerWriter::note_unwritten(const TarEntry& entry) {
  unwritten_bytes_ += entry.stored_size;
  if (skeleton_ != nullptr && unwritten_bytes_ > kMaxUnwrittenContent)
    skeleton_->give_up("it holds too much content that is not part of the layer");
}

Result<> LayerWriter::write_content(const TarEntry& entry, const Place& place, int fd) {
  TRY(input_.begin_known());
  if (skeleton_ != nullptr) TRY(refer_to(entry, place));
  FileWriter file(fd, entry.size, entry.segments, entry.sparse, options_.early_writeback);
  while (true) {
    const std::span<const char> piece = TRY(parser_.data());
    if (piece.empty()) break;
    TRY(file.write(piece));
  }
  input_.end_known();
  return file.finish();
}

Result<> LayerWriter::add_file(const TarEntry& entry, std::string_view path, Attributes& attributes) {
  TRY(count_bytes(entry.size));
  const Place place = TRY(tree_.place_of(path, attributes.mtime));
  UniqueFd fd = TRY(create_file(tree_, place, attributes.mode));
  const bool in_chain = tree_.records() && entry.size > 0 && !entry.sparse;
  const HashState before = in_chain ? input_.hash_state() : HashState{};
  TRY(write_content(entry, place, fd.get()));
  TRY(set_attributes(fd.get(), attributes, path, warnings_));
  TRY(set_mtime(fd.get(), attributes.mtime, path));
  fd.reset();
  const bool zero_padding = TRY(parser_.end_content());
  if (!tree_.records()) return {};
  RecordLine line = line_for(RecordKind::kFile, place);
  line.size = entry.size;
  if (in_chain && zero_padding) {
    line.content = chain_content(before, input_.hash_state());
  } else if (entry.size > 0) {
    line.content = TRY(hash_from_disk(place));
  }
  TRY(describe(attributes, place.dir, place.name, line));
  return tree_.add_record(line);
}

Result<> LayerWriter::add_symlink(const TarEntry& entry, std::string_view path, Attributes& attributes) {
  const Place place = TRY(tree_.place_of(path, attributes.mtime));
  TRY(make_name(tree_, place,
                [&] { return ::symlinkat(entry.link_target.c_str(), place.dir, place.name.c_str()); }));
  TRY(set_attributes_at(place.dir, place.name, true, attributes, path, warnings_));
  if (!tree_.records()) return {};
  RecordLine line = line_for(RecordKind::kSymlink, place);
  line.target = entry.link_target;
  TRY(describe(attributes, place.dir, place.name, line));
  line.mode = 0;
  return tree_.add_record(line);
}

Result<> LayerWriter::add_node(const TarEntry& entry, std::string_view path, Attributes& attributes) {
  const bool character = entry.type == TarEntry::Type::kCharDevice;
  // overlayfs takes such a device for a whiteout: it would delete what lies below.
  if (character && entry.dev_major == 0 && entry.dev_minor == 0)
    return fail(ErrorKind::kInvalidInput, "a character device 0:0, which overlayfs takes for a deleted file");
  const bool fifo = entry.type == TarEntry::Type::kFifo;
  const mode_t type = fifo ? S_IFIFO : (character ? S_IFCHR : S_IFBLK);
  const dev_t device = fifo ? 0 : ::makedev(entry.dev_major, entry.dev_minor);
  const Place place = TRY(tree_.place_of(path, attributes.mtime));
  TRY(make_name(tree_, place, [&] { return ::mknodat(place.dir, place.name.c_str(), type, device); }));
  TRY(set_attributes_at(place.dir, place.name, false, attributes, path, warnings_));
  if (!tree_.records()) return {};
  RecordLine line = line_for(record_kind(entry.type), place);
  line.dev_major = fifo ? 0 : entry.dev_major;
  line.dev_minor = fifo ? 0 : entry.dev_minor;
  TRY(describe(attributes, place.dir, place.name, line));
  return tree_.add_record(line);
}

Result<> LayerWriter::add_hard_link(std::string_view path, std::string_view link_target,
                                    const Attributes& attributes) {
  LayerTree::LinkTarget target = TRY(tree_.find_link_target(link_target));
  if (S_ISDIR(target.st.st_mode))
    return fail(ErrorKind::kInvalidInput, "its target '{}' is a directory", printable(link_target));
  if (target.lower) {
    TRY_CTX(copy_from_below(target, attributes.mtime), "copying '{}' from a lower layer",
            printable(target.path));
  }
  const Place place = TRY(tree_.place_of(path, attributes.mtime));
  const std::string link_path = place.path();
  // An archive may name a file as a link to itself; that is nothing to do.
  if (link_path == target.path) return {};
  if (is_at_or_below(target.path, link_path))
    return fail(ErrorKind::kInvalidInput, "its target '{}' lies below it", printable(link_target));
  const std::string target_name(split_path(target.path).name);
  // No AT_SYMLINK_FOLLOW: a hard link to a symlink is another name of the symlink.
  TRY(make_name(tree_, place, [&] {
    return ::linkat(target.dir.get(), target_name.c_str(), place.dir, place.name.c_str(), 0);
  }));
  if (!tree_.records()) return {};
  RecordLine line = line_for(RecordKind::kHardLink, place);
  line.target = target.path;
  return tree_.add_record(line);
}

// Makes the target of a hard link part of this layer, as an overlay does when it is linked (copy up).
Result<> LayerWriter::copy_from_below(LayerTree::LinkTarget& target, Timestamp when) {
  const int from = target.lower->get();
  Attributes attributes = TRY(attributes_of_fd(from));
  const Place place = TRY(tree_.place_of(target.path, when));
  // The way there may lead through symlinks of lower layers; then the file is a copy under its real path.
  RecordLine line = line_for(RecordKind::kFile, place);
  const struct stat& st = target.st;
  if (S_ISREG(st.st_mode)) {
    line.size = static_cast<std::uint64_t>(st.st_size);
    TRY(count_bytes(line.size));
    UniqueFd fd = TRY(create_file(tree_, place, attributes.mode));
    TRY(copy_content(from, fd.get(), line.size));
    TRY(set_attributes(fd.get(), attributes, target.path, warnings_));
    TRY(set_mtime(fd.get(), attributes.mtime, target.path));
    if (tree_.records() && line.size > 0) line.content = TRY(hash_from_disk(place));
  } else if (S_ISLNK(st.st_mode)) {
    line.kind = RecordKind::kSymlink;
    line.target = TRY(sys::read_link(sys::DirRef(from), ""));
    TRY(make_name(tree_, place,
                  [&] { return ::symlinkat(line.target.c_str(), place.dir, place.name.c_str()); }));
    TRY(set_attributes_at(place.dir, place.name, true, attributes, target.path, warnings_));
  } else {
    line.kind = S_ISCHR(st.st_mode) ? RecordKind::kCharDevice
                                    : (S_ISBLK(st.st_mode) ? RecordKind::kBlockDevice : RecordKind::kFifo);
    line.dev_major = ::major(st.st_rdev);
    line.dev_minor = ::minor(st.st_rdev);
    TRY(make_name(tree_, place,
                  [&] { return ::mknodat(place.dir, place.name.c_str(), st.st_mode & S_IFMT, st.st_rdev); }));
    TRY(set_attributes_at(place.dir, place.name, false, attributes, target.path, warnings_));
  }
  TRY(describe(attributes, place.dir, place.name, line));
  if (line.kind == RecordKind::kSymlink) line.mode = 0;
  target.path = place.path();
  target.dir = TRY(sys::duplicate(place.dir));
  tree_.note_copy(target.path);
  return tree_.add_record(line);
}

Result<> LayerWriter::copy_content(int from, int to, std::uint64_t size) {
  // An O_PATH descriptor cannot be read; its link in /proc opens the same inode.
  const UniqueFd source = TRY(sys::open_at(sys::at_cwd(), sys::proc_fd_path(from), O_RDONLY));
  FileWriter file(to, size, {}, false, options_.early_writeback);
  std::vector<char> buffer(kChunkBytes);
  FdSource bytes(source.get(), 0, size);
  while (true) {
    const std::size_t n = TRY(bytes.read(buffer));
    if (n == 0) break;
    TRY(file.write(std::span<const char>(buffer).first(n)));
  }
  return file.finish();
}

}  // namespace agena::stage0
