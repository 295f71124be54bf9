#include "stage0/export/tree_diff.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"
#include "stage0/export/layer_archive.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kPieceBytes = 128U << 10U;

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

bool same_xattr(const TarEntry::Xattr& one, const TarEntry::Xattr& other) {
  return one.name == other.name && one.value == other.value;
}

class TreeChanges {
 public:
  TreeChanges(const sys::DirFd& tree, const std::vector<MergeInput>& layers, const ArchiveForm& form)
      : tree_(tree), layers_(layers), form_(form) {}

  Result<std::vector<ArchiveMember>> run() {
    for (const ArchiveMember& member : TRY(merged_members(layers_, 0, false)))
      if (!member.path.empty()) before_.emplace(member.path, member.tree);
    TRY(walk(tree_, ""));
    widen_to_links();
    return collect();
  }

 private:
  // What the tree has at a path.
  struct Node {
    ino_t inode = 0;
    bool linked = false;  // it has several names
    bool directory = false;
    bool changed = false;
  };

  Result<> walk(const sys::DirFd& dir, const std::string& path) {
    for (const std::string& name : TRY(sys::list_dir(dir))) {
      auto visited = visit(dir, name, path.empty() ? name : path + "/" + name);
      if (!visited && form_.live && is_gone(visited.error())) continue;
      TRY(std::move(visited));
    }
    return {};
  }

  Result<> visit(const sys::DirFd& dir, const std::string& name, const std::string& path) {
    if (is_reserved_name(name, path, form_)) {
      reserved_.insert(path);
      return {};
    }
    // An app may put something else under the name at any time: everything is asked of this one thing.
    const sys::UniqueFd node = TRY(sys::open_at(dir, name, O_PATH | O_NOFOLLOW));
    struct stat st{};
    if (::fstat(node.get(), &st) != 0) return sys_fail("reading attributes");
    const bool directory = S_ISDIR(st.st_mode);
    after_[path] = {.inode = st.st_ino,
                    .linked = !directory && st.st_nlink > 1,
                    .directory = directory,
                    .changed = TRY_CTX(differs(path, node, st), "'{}'", printable(path))};
    return directory ? walk(TRY(sys::open_dir(sys::DirRef(node.get()), ".")), path) : Result<>();
  }

  Result<bool> differs(const std::string& path, const sys::UniqueFd& current, const struct stat& now) {
    const auto place = before_.find(path);
    if (place == before_.end()) return true;
    const sys::DirFd& layer = layers_[place->second].tree;
    const sys::UniqueFd old = TRY(sys::open_beneath_no_symlinks(layer, path, O_PATH | O_NOFOLLOW));
    struct stat was{};
    if (::fstat(old.get(), &was) != 0) return sys_fail("reading attributes");
    if (was.st_mode != now.st_mode || was.st_uid != now.st_uid || was.st_gid != now.st_gid ||
        was.st_rdev != now.st_rdev || sys::mtime_of(was) != sys::mtime_of(now))
      return true;
    if (!S_ISDIR(now.st_mode) && was.st_size != now.st_size) return true;
    if (S_ISLNK(now.st_mode))
      return TRY(sys::read_link(sys::DirRef(old.get()), "")) !=
             TRY(sys::read_link(sys::DirRef(current.get()), ""));
    if (!std::ranges::equal(TRY(portable_xattrs(old.get())), TRY(portable_xattrs(current.get())), same_xattr))
      return true;
    return S_ISREG(now.st_mode) && now.st_size > 0 && TRY(content_differs(old, current));
  }

  static Result<bool> content_differs(const sys::UniqueFd& one, const sys::UniqueFd& other) {
    const sys::UniqueFd left = TRY(sys::open_at(sys::at_cwd(), sys::proc_fd_path(one.get()), O_RDONLY));
    const sys::UniqueFd right = TRY(sys::open_at(sys::at_cwd(), sys::proc_fd_path(other.get()), O_RDONLY));
    std::string left_bytes(kPieceBytes, '\0');
    std::string right_bytes(kPieceBytes, '\0');
    for (off_t at = 0;;) {
      const ssize_t n = ::pread(left.get(), left_bytes.data(), left_bytes.size(), at);
      const ssize_t m = ::pread(right.get(), right_bytes.data(), right_bytes.size(), at);
      if (n < 0 || m < 0) return sys_fail("reading");
      if (n != m) return true;
      if (n == 0) return false;
      if (std::string_view(left_bytes).substr(0, static_cast<std::size_t>(n)) !=
          std::string_view(right_bytes).substr(0, static_cast<std::size_t>(m)))
        return true;
      at += n;
    }
  }

  // A file of which one name is new is written with all its names, so that the layer stands by itself.
  void widen_to_links() {
    std::set<ino_t> changed;
    for (const auto& [path, node] : after_)
      if (node.linked && node.changed) changed.insert(node.inode);
    for (auto& [path, node] : after_)
      if (node.linked && changed.contains(node.inode)) node.changed = true;
  }

  std::vector<ArchiveMember> collect() {
    std::set<std::string> wanted;
    auto want = [&](const std::string& path) {
      for (std::string dir = path; !dir.empty() && wanted.insert(dir).second;) dir = parent_of(dir);
    };
    for (const auto& [path, node] : after_)
      if (node.changed) want(path);
    std::vector<std::string> gone;
    for (const auto& [path, layer] : before_) {
      if (after_.contains(path) || reserved_.contains(path)) continue;
      const std::string parent = parent_of(path);
      // What is below something that is gone, or no directory any more, goes with it.
      const auto above = after_.find(parent);
      if (!parent.empty() && (above == after_.end() || !above->second.directory)) continue;
      gone.push_back(path);
      want(parent);
    }
    return members(wanted, gone);
  }

  // Parents first: a map orders "a/b" behind "a" and before nothing that a directory must precede.
  std::vector<ArchiveMember> members(const std::set<std::string>& wanted, std::vector<std::string>& gone) {
    std::vector<ArchiveMember> members = {{}};
    std::map<ino_t, std::string> first_names;
    for (const std::string& path : wanted) {
      const Node& node = after_.at(path);
      std::string link;
      if (node.linked)
        if (const auto [place, fresh] = first_names.emplace(node.inode, path); !fresh) link = place->second;
      members.push_back({.path = path, .link = link});
    }
    for (std::string& path : gone)
      members.push_back({.path = std::move(path), .kind = ArchiveMember::Kind::kWhiteout});
    return members;
  }

  const sys::DirFd& tree_;
  const std::vector<MergeInput>& layers_;
  const ArchiveForm& form_;
  std::map<std::string, std::size_t> before_;  // path -> layer
  std::map<std::string, Node> after_;
  std::set<std::string> reserved_;  // names that layers cannot have
};

}  // namespace

Result<std::unique_ptr<ByteSource>> open_tree_changes(sys::DirFd tree, std::vector<sys::DirFd> layers,
                                                      ArchiveForm form) {
  std::vector<MergeInput> inputs;
  for (sys::DirFd& layer : layers) inputs.push_back({.tree = std::move(layer)});
  std::vector<ArchiveMember> members = TRY(TreeChanges(tree, inputs, form).run());
  form.plain = true;
  form.layer = true;
  std::vector<sys::DirFd> trees;
  trees.push_back(std::move(tree));
  return open_tree_archive(std::move(trees), std::move(members), std::move(form));
}

}  // namespace agena::stage0
