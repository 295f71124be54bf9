#include "stage0/image/render/merged_archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"
#include "stage0/image/render/tar_headers.h"
#include "stage0/unpack/tar_reader.h"

namespace agena::stage0 {
namespace {

// A member of the archive to be.
struct Member {
  std::size_t input;  // which tree it comes from
  std::string path;   // in the tree
  std::string link;   // path of the member with the same inode that came before; empty if none
};

bool is_whiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0); }

Result<bool> is_opaque(const sys::DirFd& dir) {
  char value = 0;
  const ssize_t size = ::fgetxattr(dir.get(), "trusted.overlay.opaque", &value, 1);
  if (size < 0 && errno != ENODATA && errno != ENOTSUP && errno != ERANGE)
    return sys_fail("reading attributes of a layer's directory");
  return size == 1 && value == 'y';
}

// What is decided about a path: by the first input that has it.
class Selection {
 public:
  Result<> add(std::size_t number, const MergeInput& input) {
    rules_ = &input.rules;
    number_ = number;
    inodes_.clear();
    return walk(input.tree, "");
  }
  const std::vector<Member>& members() const { return members_; }

 private:
  Result<> walk(const sys::DirFd& dir, const std::string& path) {
    for (const std::string& name : TRY(sys::list_dir(dir)))
      TRY(visit(dir, name, path.empty() ? name : path + "/" + name));
    return {};
  }

  Result<> visit(const sys::DirFd& dir, const std::string& name, const std::string& path) {
    const struct stat st = TRY(sys::stat_at(dir, name));
    const bool is_dir = S_ISDIR(st.st_mode);
    if (!rules_->allow(path, is_dir)) return {};
    const auto [place, fresh] = open_.emplace(path, is_dir);
    if (fresh && !is_whiteout(st))
      members_.push_back({.input = number_, .path = path, .link = link_of(path, st)});
    // Closed where an upper input has something else than a directory, or an opaque one.
    if (!is_dir || !place->second) return {};
    const sys::DirFd child = TRY(sys::open_dir(dir, name, O_NOFOLLOW));
    TRY(walk(child, path));
    if (TRY(is_opaque(child))) place->second = false;
    return {};
  }

  std::string link_of(const std::string& path, const struct stat& st) {
    if (S_ISDIR(st.st_mode) || st.st_nlink < 2) return {};
    const auto [place, fresh] = inodes_.emplace(st.st_ino, path);
    return fresh ? std::string() : place->second;
  }

  const PathRules* rules_ = nullptr;
  std::size_t number_ = 0;
  std::vector<Member> members_;
  std::map<std::string, bool> open_;     // every path taken so far, and whether lower inputs may add to it
  std::map<ino_t, std::string> inodes_;  // files with several names, in the current tree
};

Result<std::vector<TarEntry::Xattr>> read_xattrs(const std::string& path) {
  std::vector<TarEntry::Xattr> xattrs;
  const ssize_t size = ::llistxattr(path.c_str(), nullptr, 0);
  if (size < 0 && errno == ENOTSUP) return xattrs;
  if (size < 0) return sys_fail("listing extended attributes");
  std::string names(static_cast<std::size_t>(size), '\0');
  const ssize_t listed = ::llistxattr(path.c_str(), names.data(), names.size());
  if (listed < 0) return sys_fail("listing extended attributes");
  names.resize(static_cast<std::size_t>(listed));
  for (const std::string& name : split(names, '\0')) {
    if (name.empty() || name.starts_with("trusted.overlay.")) continue;
    std::string value(64U << 10U, '\0');  // XATTR_SIZE_MAX
    const ssize_t length = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (length < 0) return sys_fail("reading the extended attribute '{}'", printable(name));
    value.resize(static_cast<std::size_t>(length));
    xattrs.push_back({.name = name, .value = std::move(value)});
  }
  return xattrs;
}

TarEntry::Type type_of(const struct stat& st) {
  switch (st.st_mode & S_IFMT) {
    case S_IFDIR:
      return TarEntry::Type::kDirectory;
    case S_IFLNK:
      return TarEntry::Type::kSymlink;
    case S_IFCHR:
      return TarEntry::Type::kCharDevice;
    case S_IFBLK:
      return TarEntry::Type::kBlockDevice;
    case S_IFIFO:
      return TarEntry::Type::kFifo;
    case S_IFSOCK:
      return TarEntry::Type::kSocket;
    default:
      return TarEntry::Type::kFile;
  }
}

// Path of a member below a prefix; the root is the prefix itself.
std::string below(const std::string& prefix, const std::string& path) {
  if (prefix.empty()) return path.empty() ? "." : path;
  return path.empty() ? prefix : prefix + "/" + path;
}

// Header fields of something in a tree (O_PATH descriptor).
Result<TarEntry> entry_of(const sys::UniqueFd& node, const Member& member, const std::string& prefix) {
  struct stat st{};
  if (::fstat(node.get(), &st) != 0) return sys_fail("reading attributes");
  TarEntry entry;
  entry.path = below(prefix, member.path);
  entry.type = type_of(st);
  entry.mode = st.st_mode & 07777U;
  entry.uid = st.st_uid;
  entry.gid = st.st_gid;
  entry.mtime_sec = st.st_mtim.tv_sec;
  entry.mtime_nsec = static_cast<std::uint32_t>(st.st_mtim.tv_nsec);
  if (!member.link.empty()) {
    entry.type = TarEntry::Type::kHardLink;
    entry.link_target = below(prefix, member.link);
    return entry;
  }
  if (entry.type == TarEntry::Type::kFile) entry.size = static_cast<std::uint64_t>(st.st_size);
  if (entry.type == TarEntry::Type::kSymlink) {
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlinkat(node.get(), "", target.data(), target.size());
    if (size < 0) return sys_fail("reading a symlink");
    target.resize(static_cast<std::size_t>(size));
    entry.link_target = std::move(target);
    return entry;
  }
  if (entry.type == TarEntry::Type::kCharDevice || entry.type == TarEntry::Type::kBlockDevice) {
    entry.dev_major = major(st.st_rdev);
    entry.dev_minor = minor(st.st_rdev);
  }
  entry.xattrs = TRY(read_xattrs(sys::proc_fd_path(node.get())));
  return entry;
}

// Makes the archive piece by piece.
class MergedArchive : public ByteSource {
 public:
  MergedArchive(std::vector<MergeInput> inputs, std::vector<Member> members, std::string prefix,
                std::string start)
      : inputs_(std::move(inputs)),
        members_(std::move(members)),
        prefix_(std::move(prefix)),
        pending_(std::move(start)) {}

  Result<std::size_t> read(std::span<char> buffer) override {
    while (pending_at_ == pending_.size()) {
      if (file_) {
        const std::size_t size = TRY(read_file(buffer));
        if (size != 0) return size;
        continue;  // its padding is pending now
      }
      if (ended_) return 0;
      TRY(next_member());
    }
    const std::size_t size = std::min(buffer.size(), pending_.size() - pending_at_);
    std::memcpy(buffer.data(), pending_.data() + pending_at_, size);
    pending_at_ += size;
    return size;
  }

 private:
  void set_pending(std::string bytes) {
    pending_ = std::move(bytes);
    pending_at_ = 0;
  }

  Result<> next_member() {
    if (next_ == members_.size()) {
      ended_ = true;
      set_pending(tar_end());
      return {};
    }
    const Member& member = members_[next_++];
    TRY_CTX(begin(member), "'{}' in layer", printable(member.path));
    return {};
  }

  Result<> begin(const Member& member) {
    const sys::DirFd& tree = inputs_[member.input].tree;
    const sys::UniqueFd node = TRY(
        sys::open_beneath_no_symlinks(tree, member.path.empty() ? "." : member.path, O_PATH | O_NOFOLLOW));
    const TarEntry entry = TRY(entry_of(node, member, prefix_));
    set_pending(TRY(tar_header(entry)));
    if (entry.type != TarEntry::Type::kFile || entry.size == 0) return {};
    file_ = TRY(sys::open_at(sys::at_cwd(), sys::proc_fd_path(node.get()), O_RDONLY));
    file_size_ = entry.size;
    file_at_ = 0;
    return {};
  }

  Result<std::size_t> read_file(std::span<char> buffer) {
    const std::size_t want = std::min<std::uint64_t>(buffer.size(), file_size_ - file_at_);
    const ssize_t size = ::read(file_->get(), buffer.data(), want);
    if (size < 0) return sys_fail("reading a layer's file");
    if (size == 0) return fail(ErrorKind::kVerification, "a layer's file became shorter while it was read");
    file_at_ += static_cast<std::uint64_t>(size);
    if (file_at_ == file_size_) {
      file_.reset();
      set_pending(tar_padding(file_size_));
    }
    return static_cast<std::size_t>(size);
  }

  std::vector<MergeInput> inputs_;
  std::vector<Member> members_;
  std::string prefix_;
  std::size_t next_ = 0;
  bool ended_ = false;
  std::string pending_;
  std::size_t pending_at_ = 0;
  std::optional<sys::UniqueFd> file_;
  std::uint64_t file_size_ = 0;
  std::uint64_t file_at_ = 0;
};

Result<std::string> manifest_member(const std::string& manifest) {
  TarEntry entry;
  entry.path = "manifest";
  entry.mode = 0644;
  entry.size = manifest.size();
  return TRY(tar_header(entry)) + manifest + tar_padding(manifest.size());
}

}  // namespace

Result<std::unique_ptr<ByteSource>> open_merged_archive(std::vector<MergeInput> inputs, std::string prefix,
                                                        std::string start) {
  Selection selection;
  for (std::size_t i = 0; i < inputs.size(); ++i) TRY(selection.add(i, inputs[i]));
  // The root's attributes are the top input's.
  std::vector<Member> members = {{.input = 0, .path = {}, .link = {}}};
  members.insert(members.end(), selection.members().begin(), selection.members().end());
  return std::make_unique<MergedArchive>(std::move(inputs), std::move(members), std::move(prefix),
                                         std::move(start));
}

Result<std::unique_ptr<ByteSource>> open_rendered_aci(std::vector<MergeInput> inputs,
                                                      const std::string& manifest) {
  return open_merged_archive(std::move(inputs), "rootfs", TRY(manifest_member(manifest)));
}

}  // namespace agena::stage0
