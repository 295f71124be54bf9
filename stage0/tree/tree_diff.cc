#include "stage0/tree/tree_diff.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <utility>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"
#include "stage0/unpack/node_attributes.h"

namespace agena::stage0 {
namespace {

struct KindRow {
  ChangeKind value;
  std::string_view name;
};
constexpr std::array kKinds = {KindRow{.value = ChangeKind::kAdded, .name = "added"},
                               KindRow{.value = ChangeKind::kChanged, .name = "changed"},
                               KindRow{.value = ChangeKind::kDeleted, .name = "deleted"}};

struct TypeRow {
  mode_t type;
  const char* name;
};
constexpr std::array kTypes = {TypeRow{S_IFDIR, "directory"},   TypeRow{S_IFLNK, "symlink"},
                               TypeRow{S_IFCHR, "char-device"}, TypeRow{S_IFBLK, "block-device"},
                               TypeRow{S_IFIFO, "fifo"},        TypeRow{S_IFSOCK, "socket"}};

const char* type_name(mode_t mode) {
  for (const TypeRow& row : kTypes)
    if ((mode & S_IFMT) == row.type) return row.name;
  return "file";
}

bool is_whiteout(const struct stat& st) { return S_ISCHR(st.st_mode) && st.st_rdev == 0; }

bool has_mark(const sys::DirFd& dir, const char* name) {
  char value = 0;
  const ssize_t size = ::fgetxattr(dir.get(), name, &value, 1);
  return size >= 0 || errno == ERANGE;
}

Result<bool> is_opaque(const sys::DirFd& dir) {
  char value = 0;
  const ssize_t size = ::fgetxattr(dir.get(), "trusted.overlay.opaque", &value, 1);
  if (size < 0 && errno != ENODATA && errno != ENOTSUP && errno != ERANGE)
    return sys_fail("reading the opaque mark of a directory");
  return size == 1 && value == 'y';
}

// What a name in a merged directory comes from.
struct Node {
  std::size_t layer = 0;            // the topmost that has it
  struct stat st{};                 // in that layer
  std::vector<std::size_t> layers;  // of a directory: all that contribute to it, topmost first
  bool closed = false;              // lower layers contribute nothing more
};
using Nodes = std::map<std::string, Node>;

// A root: the layers topmost first.
class Root {
 public:
  explicit Root(std::span<const TreeLayer> bottom_first)
      : layers_(bottom_first.rbegin(), bottom_first.rend()) {}

  std::vector<std::size_t> all() const {
    std::vector<std::size_t> numbers(layers_.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
    return numbers;
  }
  const TreeLayer& layer(std::size_t number) const { return layers_[number]; }

  Result<sys::UniqueFd> open(std::size_t number, const std::string& path, int flags) const {
    return sys::open_beneath_no_symlinks(*layers_[number].tree, path.empty() ? "." : path,
                                         flags | O_NOFOLLOW);
  }

  // What a directory shows. Layers are opened one at a time, so that a hundred of them do not need a hundred
  // descriptors per level.
  Result<Nodes> list(const std::string& path, const std::vector<std::size_t>& sources) const {
    Nodes nodes;
    for (const std::size_t number : sources) {
      const sys::DirFd dir(TRY(open(number, path, O_RDONLY | O_DIRECTORY)).release());
      for (std::string& name : TRY(sys::list_dir(dir))) TRY(add(nodes, std::move(name), number, dir));
    }
    std::erase_if(nodes, [](const auto& entry) { return is_whiteout(entry.second.st); });
    return nodes;
  }

  NodeFacts facts(const Node& node) const {
    const std::uint32_t first = layers_[node.layer].first_id;
    const auto shown = [&](std::uint32_t id) { return id >= first ? id - first : id; };
    return {.type = type_name(node.st.st_mode),
            .mode = node.st.st_mode & 07777U,
            .uid = shown(node.st.st_uid),
            .gid = shown(node.st.st_gid),
            .size = S_ISREG(node.st.st_mode) ? static_cast<std::uint64_t>(node.st.st_size) : 0};
  }

 private:
  static Result<> add(Nodes& nodes, std::string name, std::size_t number, const sys::DirFd& dir) {
    const struct stat st = TRY(sys::stat_at(dir, name));
    const auto [it, is_new] = nodes.try_emplace(std::move(name));
    Node& node = it->second;
    if (node.closed) return {};
    if (is_new) {
      node.layer = number;
      node.st = st;
    }
    node.closed = !S_ISDIR(st.st_mode);
    if (node.closed) return {};
    const sys::DirFd child = TRY(sys::open_dir(dir, it->first, O_NOFOLLOW));
    // Only kernels that were told to make these; without the mark's path the tree cannot be known.
    if (has_mark(child, "trusted.overlay.redirect"))
      return fail(ErrorKind::kUnsupported, "directory '{}' was renamed by an overlay with redirect_dir",
                  printable(it->first));
    node.layers.push_back(number);
    node.closed = TRY(is_opaque(child));
    return {};
  }

  std::vector<TreeLayer> layers_;
};

// Whether two files have the same bytes; they have the same size.
Result<bool> same_content(int a, int b) {
  constexpr std::size_t kChunk = 128U << 10U;
  std::vector<char> one(kChunk);
  std::vector<char> other(kChunk);
  for (off_t at = 0;;) {
    const ssize_t n = ::pread(a, one.data(), one.size(), at);
    if (n < 0) return sys_fail("reading");
    if (n == 0) return true;
    for (ssize_t have = 0; have < n;) {
      const ssize_t more = ::pread(b, other.data() + have, static_cast<std::size_t>(n - have), at + have);
      if (more < 0) return sys_fail("reading");
      if (more == 0) return false;
      have += more;
    }
    if (std::memcmp(one.data(), other.data(), static_cast<std::size_t>(n)) != 0) return false;
    at += n;
  }
}

class Differ {
 public:
  Differ(const Root& before, const Root& after) : before_(before), after_(after) {}

  Result<std::vector<PathChange>> run() {
    TRY(directory("", before_.all(), after_.all()));
    return std::move(changes_);
  }

 private:
  // Whether both sides are made of the same layers, so that they are the same.
  bool same_layers(const std::vector<std::size_t>& before, const std::vector<std::size_t>& after) const {
    return std::ranges::equal(before, after, [&](std::size_t a, std::size_t b) {
      return before_.layer(a).identity == after_.layer(b).identity;
    });
  }

  Result<> directory(const std::string& path, const std::vector<std::size_t>& before,
                     const std::vector<std::size_t>& after) {
    if (same_layers(before, after)) return {};
    const Nodes old = TRY(before_.list(path, before));
    const Nodes now = TRY(after_.list(path, after));
    auto a = old.begin();
    auto b = now.begin();
    while (a != old.end() || b != now.end()) {
      const bool only_old = b == now.end() || (a != old.end() && a->first < b->first);
      const bool only_new = a == old.end() || (b != now.end() && b->first < a->first);
      const std::string& name = only_new ? b->first : a->first;
      const std::string child = path.empty() ? name : path + "/" + name;
      if (only_old) {
        TRY(whole(before_, ChangeKind::kDeleted, child, (a++)->second));
      } else if (only_new) {
        TRY(whole(after_, ChangeKind::kAdded, child, (b++)->second));
      } else {
        TRY_CTX(both(child, (a++)->second, (b++)->second), "'{}'", printable(child));
      }
    }
    return {};
  }

  // Something that one root has and the other has not, with all that is in it.
  Result<> whole(const Root& root, ChangeKind kind, const std::string& path, const Node& node) {
    PathChange change{.kind = kind, .path = "/" + path};
    (kind == ChangeKind::kAdded ? change.after : change.before) = root.facts(node);
    changes_.push_back(std::move(change));
    if (!S_ISDIR(node.st.st_mode)) return {};
    for (const auto& [name, child] : TRY(root.list(path, node.layers)))
      TRY(whole(root, kind, path + "/" + name, child));
    return {};
  }

  Result<> both(const std::string& path, const Node& old, const Node& now) {
    const bool was_dir = S_ISDIR(old.st.st_mode);
    const bool is_dir = S_ISDIR(now.st.st_mode);
    if (before_.layer(old.layer).identity != after_.layer(now.layer).identity) {
      auto what = TRY(compare(path, old, now));
      if (!what.empty())
        changes_.push_back({.kind = ChangeKind::kChanged,
                            .path = "/" + path,
                            .what = std::move(what),
                            .before = before_.facts(old),
                            .after = after_.facts(now)});
    }
    if (was_dir && is_dir) return directory(path, old.layers, now.layers);
    if (was_dir)
      for (const auto& [name, child] : TRY(before_.list(path, old.layers)))
        TRY(whole(before_, ChangeKind::kDeleted, path + "/" + name, child));
    if (is_dir)
      for (const auto& [name, child] : TRY(after_.list(path, now.layers)))
        TRY(whole(after_, ChangeKind::kAdded, path + "/" + name, child));
    return {};
  }

  Result<std::vector<std::string>> compare(const std::string& path, const Node& old, const Node& now) const {
    std::vector<std::string> what;
    if ((old.st.st_mode & S_IFMT) != (now.st.st_mode & S_IFMT)) return std::vector<std::string>{"type"};
    const NodeFacts before = before_.facts(old);
    const NodeFacts after = after_.facts(now);
    const sys::UniqueFd a = TRY(before_.open(old.layer, path, O_PATH));
    const sys::UniqueFd b = TRY(after_.open(now.layer, path, O_PATH));
    if (S_ISREG(now.st.st_mode) && TRY(content_differs(before.size, after.size, a, b)))
      what.emplace_back("content");
    if (S_ISLNK(now.st.st_mode) && TRY(target_of(a)) != TRY(target_of(b))) what.emplace_back("target");
    const bool device = S_ISCHR(now.st.st_mode) || S_ISBLK(now.st.st_mode);
    if (device && old.st.st_rdev != now.st.st_rdev) what.emplace_back("device");
    if (before.mode != after.mode && !S_ISLNK(now.st.st_mode)) what.emplace_back("mode");
    if (before.uid != after.uid || before.gid != after.gid) what.emplace_back("owner");
    if (TRY(xattrs_differ(a, b))) what.emplace_back("attributes");
    if (!S_ISDIR(now.st.st_mode) && old.st.st_mtim.tv_sec != now.st.st_mtim.tv_sec) what.emplace_back("time");
    return what;
  }

  static Result<bool> content_differs(std::uint64_t old_size, std::uint64_t new_size, const sys::UniqueFd& a,
                                      const sys::UniqueFd& b) {
    if (old_size != new_size) return true;
    if (old_size == 0) return false;
    // A file whose attributes alone were copied up; its content is the lower one's.
    char value = 0;
    if (::getxattr(sys::proc_fd_path(b.get()).c_str(), "trusted.overlay.metacopy", &value, 1) >= 0)
      return false;
    const sys::UniqueFd old_file = TRY(sys::open_at(sys::at_cwd(), sys::proc_fd_path(a.get()), O_RDONLY));
    const sys::UniqueFd new_file = TRY(sys::open_at(sys::at_cwd(), sys::proc_fd_path(b.get()), O_RDONLY));
    return !TRY(same_content(old_file.get(), new_file.get()));
  }

  static Result<std::string> target_of(const sys::UniqueFd& link) {
    std::string target(PATH_MAX, '\0');
    const ssize_t size = ::readlinkat(link.get(), "", target.data(), target.size());
    if (size < 0) return sys_fail("reading a symlink");
    target.resize(static_cast<std::size_t>(size));
    return target;
  }

  // Those that mean the same in every container; labels of the host are none of the image's.
  static Result<bool> xattrs_differ(const sys::UniqueFd& a, const sys::UniqueFd& b) {
    const auto before = TRY(attributes_of_fd(a.get())).xattrs;
    const auto after = TRY(attributes_of_fd(b.get())).xattrs;
    return !std::ranges::equal(before, after, [](const auto& one, const auto& other) {
      return one.name == other.name && one.value == other.value;
    });
  }

  const Root& before_;
  const Root& after_;
  std::vector<PathChange> changes_;
};

}  // namespace

std::string_view to_string(ChangeKind kind) { return row_for(kKinds, kind).name; }

Result<std::vector<PathChange>> diff_trees(std::span<const TreeLayer> before_bottom_first,
                                           std::span<const TreeLayer> after_bottom_first) {
  const Root before(before_bottom_first);
  const Root after(after_bottom_first);
  return Differ(before, after).run();
}

}  // namespace agena::stage0
