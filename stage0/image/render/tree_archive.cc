#include "stage0/image/render/tree_archive.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/base/strings.h"
#include "common/sys/path_in_root.h"
#include "stage0/image/render/tar_headers.h"
#include "stage0/unpack/tar_reader.h"

namespace agena::stage0 {
namespace {

// Attributes that mean the same wherever the archive is unpacked. Labels of the host's SELinux do not, and
// overlayfs's own are about its layers.
bool is_portable_xattr(std::string_view name) {
  return (name.starts_with("user.") && !name.starts_with("user.overlay.")) || name == "security.capability" ||
         name == "system.posix_acl_access" || name == "system.posix_acl_default";
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

// Names of a node's extended attributes.
Result<std::vector<std::string>> xattr_names(const std::string& path) {
  const ssize_t size = ::listxattr(path.c_str(), nullptr, 0);
  if (size < 0 && errno == ENOTSUP) return std::vector<std::string>();
  if (size < 0) return sys_fail("listing extended attributes");
  std::string names(static_cast<std::size_t>(size), '\0');
  const ssize_t listed = ::listxattr(path.c_str(), names.data(), names.size());
  if (listed < 0) return sys_fail("listing extended attributes");
  names.resize(static_cast<std::size_t>(listed));
  return split(names, '\0');
}

Result<std::vector<TarEntry::Xattr>> read_portable(const std::string& path,
                                                   const std::vector<std::string>& names) {
  std::vector<TarEntry::Xattr> xattrs;
  for (const std::string& name : names) {
    if (!is_portable_xattr(name)) continue;
    std::string value(64U << 10U, '\0');  // XATTR_SIZE_MAX
    const ssize_t length = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (length < 0) return sys_fail("reading the extended attribute '{}'", printable(name));
    value.resize(static_cast<std::size_t>(length));
    xattrs.push_back({.name = name, .value = std::move(value)});
  }
  // The order is the file system's own.
  std::ranges::sort(xattrs, {}, &TarEntry::Xattr::name);
  return xattrs;
}

// What a layer holds must be in it. Hosts may have overlayfs put renamed directories and files of which only
// the attributes were changed into an upper directory as references to lower layers.
Result<> check_no_references(const std::vector<std::string>& names) {
  for (const char* reference : {"trusted.overlay.redirect", "trusted.overlay.metacopy"})
    if (std::ranges::find(names, reference) != names.end())
      return fail(ErrorKind::kUnsupported,
                  "it refers to a lower layer ('{}'): it was written over an overlay with the option "
                  "redirect_dir or metacopy, and cannot be read without",
                  reference);
  return {};
}

// Header fields of something in a tree (O_PATH descriptor).
Result<TarEntry> entry_of(const sys::UniqueFd& node, const struct stat& st, const ArchiveMember& member,
                          const ArchiveForm& form) {
  const std::string& prefix = form.prefix;
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
  const std::string path = sys::proc_fd_path(node.get());
  const std::vector<std::string> names = TRY(xattr_names(path));
  if (!form.plain) TRY(check_no_references(names));
  entry.xattrs = TRY(read_portable(path, names));
  return entry;
}

// A marker of the image layer format: an empty file of root's.
Result<std::string> marker(const ArchiveMember& member, const std::string& prefix) {
  const std::size_t slash = member.path.rfind('/');
  const std::string dir = slash == std::string::npos ? "" : member.path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? member.path : member.path.substr(slash + 1);
  TarEntry entry;
  entry.path = below(prefix, dir + ".wh." + name);
  if (member.kind == ArchiveMember::Kind::kOpaque)
    entry.path = below(prefix, member.path.empty() ? ".wh..wh..opq" : member.path + "/.wh..wh..opq");
  entry.mode = 0644;
  return tar_header(entry);
}

// Makes the archive piece by piece.
class TreeArchive : public ByteSource {
 public:
  TreeArchive(std::vector<sys::DirFd> trees, std::vector<ArchiveMember> members, ArchiveForm form)
      : trees_(std::move(trees)),
        members_(std::move(members)),
        form_(std::move(form)),
        pending_(std::move(form_.start)) {}

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

  void note(const std::string& text) const {
    if (form_.note) form_.note(text);
  }

  Result<> next_member() {
    if (next_ == members_.size()) {
      ended_ = true;
      set_pending(tar_end());
      return {};
    }
    ArchiveMember& member = members_[next_++];
    if (member.kind != ArchiveMember::Kind::kNode) {
      set_pending(TRY(marker(member, form_.prefix)));
      return {};
    }
    auto begun = begin(member);
    if (!begun && is_live(member) && is_gone(begun.error())) {
      lost_.insert(member.path);
      return {};
    }
    TRY_CTX(std::move(begun), "'{}' in layer", printable(member.path));
    return {};
  }

  bool is_live(const ArchiveMember& member) const { return form_.live && member.tree == 0; }

  // In a live tree the file that a member should be a link to may have been lost, or be another one than what
  // was written under that name: then the member is a file of its own, or takes its place.
  void check_link(ArchiveMember& member, const struct stat& st) {
    if (lost_.contains(member.link)) member.link.clear();
    if (!is_live(member) || S_ISDIR(st.st_mode)) return;
    const auto first = written_.find(member.link);
    if (!member.link.empty() && (first == written_.end() || first->second != st.st_ino)) member.link.clear();
    if (member.link.empty() && st.st_nlink > 1) written_[member.path] = st.st_ino;
  }

  Result<> begin(ArchiveMember& member) {
    const sys::DirFd& tree = trees_[member.tree];
    const sys::UniqueFd node = TRY(
        sys::open_beneath_no_symlinks(tree, member.path.empty() ? "." : member.path, O_PATH | O_NOFOLLOW));
    struct stat st{};
    if (::fstat(node.get(), &st) != 0) return sys_fail("reading attributes");
    if (is_live(member) && !form_.plain && is_whiteout(st)) return begin_deleted(member);
    check_link(member, st);
    const TarEntry entry = TRY(entry_of(node, st, member, form_));
    if (entry.type == TarEntry::Type::kSocket) {
      note(fmt::format("'{}' is a socket and is left out", printable(member.path)));
      lost_.insert(member.path);
      return {};
    }
    sys::UniqueFd file;
    if (entry.type == TarEntry::Type::kFile && entry.size > 0)
      file = TRY(sys::open_at(sys::at_cwd(), sys::proc_fd_path(node.get()), O_RDONLY));
    set_pending(TRY(tar_header(entry)));
    if (!file) return {};
    file_ = std::move(file);
    file_size_ = entry.size;
    file_at_ = 0;
    shortened_ = false;
    live_file_ = is_live(member);
    shown_ = printable(member.path);
    return {};
  }

  // Overlayfs leaves a whiteout where something was deleted that lower layers have.
  Result<> begin_deleted(ArchiveMember& member) {
    lost_.insert(member.path);
    member.kind = ArchiveMember::Kind::kWhiteout;
    if (form_.layer) set_pending(TRY(marker(member, form_.prefix)));
    return {};
  }

  Result<std::size_t> read_file(std::span<char> buffer) {
    const std::size_t want = std::min<std::uint64_t>(buffer.size(), file_size_ - file_at_);
    ssize_t size = ::read(file_->get(), buffer.data(), want);
    if (size < 0) return sys_fail("reading '{}' in layer", shown_);
    if (size == 0 && !live_file_)
      return fail(ErrorKind::kVerification, "'{}' in layer became shorter while it was read", shown_);
    if (size == 0) {
      if (!std::exchange(shortened_, true))
        note(fmt::format("'{}' became shorter while it was read and is filled up with zeros", shown_));
      size = static_cast<ssize_t>(want);
      std::memset(buffer.data(), 0, want);
    }
    file_at_ += static_cast<std::uint64_t>(size);
    if (file_at_ == file_size_) {
      file_.reset();
      set_pending(tar_padding(file_size_));
    }
    return static_cast<std::size_t>(size);
  }

  std::vector<sys::DirFd> trees_;
  std::vector<ArchiveMember> members_;
  ArchiveForm form_;
  std::set<std::string, std::less<>> lost_ = {};            // members that did not get into the archive
  std::map<std::string, ino_t, std::less<>> written_ = {};  // files with several names, of a live tree
  std::size_t next_ = 0;
  bool ended_ = false;
  std::string pending_;
  std::size_t pending_at_ = 0;
  std::optional<sys::UniqueFd> file_;
  std::uint64_t file_size_ = 0;
  std::uint64_t file_at_ = 0;
  bool shortened_ = false;
  bool live_file_ = false;
  std::string shown_;
};

}  // namespace

bool is_gone(const Error& error) {
  const int number = error.sys_errno();
  return number == ENOENT || number == ENOTDIR || number == ELOOP || number == ESTALE;
}

Result<std::vector<TarEntry::Xattr>> portable_xattrs(int fd) {
  const std::string path = sys::proc_fd_path(fd);
  return read_portable(path, TRY(xattr_names(path)));
}

bool is_whiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0); }

Result<bool> is_opaque(const sys::DirFd& dir) {
  char value = 0;
  const ssize_t size = ::fgetxattr(dir.get(), "trusted.overlay.opaque", &value, 1);
  if (size < 0 && errno != ENODATA && errno != ENOTSUP && errno != ERANGE)
    return sys_fail("reading attributes of a layer's directory");
  return size == 1 && value == 'y';
}

std::unique_ptr<ByteSource> open_tree_archive(std::vector<sys::DirFd> trees,
                                              std::vector<ArchiveMember> members, ArchiveForm form) {
  return std::make_unique<TreeArchive>(std::move(trees), std::move(members), std::move(form));
}

Result<std::string> plain_member(const std::string& path, const std::string& content) {
  TarEntry entry;
  entry.path = path;
  entry.mode = 0644;
  entry.size = content.size();
  return TRY(tar_header(entry)) + content + tar_padding(content.size());
}

}  // namespace agena::stage0
