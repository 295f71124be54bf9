// How LayerTree finds directories whose path does not simply exist, and completes the tree at the end.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <utility>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/unpack/layer_path.h"
#include "stage0/unpack/layer_tree.h"

namespace agena::stage0 {
namespace {

constexpr int kMaxSymlinks = 40;  // as the kernel

std::string shown(std::string_view path) { return path.empty() ? "/" : printable(path); }

Result<std::string> read_link_fd(int fd) {
  std::array<char, PATH_MAX> buffer{};
  // An empty path means the descriptor itself (O_PATH of a symlink).
  const ssize_t n = ::readlinkat(fd, "", buffer.data(), buffer.size());
  if (n < 0) return sys_fail("reading a symlink");
  return std::string(buffer.data(), static_cast<std::size_t>(n));
}

}  // namespace

// A path being resolved, component by component.
class LayerTree::Walk {
 public:
  explicit Walk(std::string_view path) { push(path); }

  bool done() const { return rest_.empty(); }
  // The next component taken onto the path so far, which itself is not moved yet. ".." moves at once.
  std::optional<std::string> step() {
    if (rest_.size() <= owed_) symlink_.clear();
    std::string name = std::move(rest_.back());
    rest_.pop_back();
    if (name == "..") {
      at_ = std::string(split_path(at_).parent);
      return std::nullopt;
    }
    return join_path(at_, name);
  }
  void enter(std::string path) { at_ = std::move(path); }
  // Goes on at a symlink's target; in_layer: the target must then be in this layer as well.
  Result<> follow(const std::string& path, const std::string& target, bool in_layer) {
    if (++hops_ > kMaxSymlinks)
      return fail(ErrorKind::kInvalidInput, "too many symlinks on the way to '{}'", shown(path));
    if (in_layer && symlink_.empty()) {
      symlink_ = path;
      owed_ = rest_.size();
    }
    if (target.starts_with('/')) at_.clear();
    push(target);
    return {};
  }
  const std::string& at() const { return at_; }
  // The symlink of this layer whose target is being walked, or empty.
  const std::string& symlink() const { return symlink_; }

 private:
  void push(std::string_view path) {
    std::vector<std::string> names = split(path, '/');
    std::erase_if(names, [](const std::string& name) { return name.empty() || name == "."; });
    rest_.insert(rest_.end(), names.rbegin(), names.rend());
  }

  std::string at_;
  std::vector<std::string> rest_;  // reversed
  std::string symlink_;
  std::size_t owed_ = 0;  // components that come behind the symlink
  int hops_ = 0;
};

Result<LayerTree::Resolved> LayerTree::resolve(std::string_view path, bool create, Timestamp when) {
  Walk walk(path);
  while (!walk.done()) {
    std::optional<std::string> next = walk.step();
    if (!next) continue;
    const std::optional<Node> here = TRY(probe(*next));
    if (here && S_ISDIR(here->st.st_mode)) {
      walk.enter(*std::move(next));
      continue;
    }
    if (here && S_ISLNK(here->st.st_mode)) {
      TRY(walk.follow(*next, TRY(read_link_fd(here->fd.get())), true));
      continue;
    }
    const bool deleted = here && is_whiteout(here->st);
    if (here && !deleted) return fail(ErrorKind::kInvalidInput, "'{}' is not a directory", shown(*next));
    if (!walk.symlink().empty())
      return fail(ErrorKind::kInvalidInput, "the symlink '{}' leads to '{}', which is not in this layer",
                  shown(walk.symlink()), shown(*next));
    std::optional<Node> below;
    if (!deleted && !is_hidden(*next)) below = TRY(look_up_below(*next));
    if (below && S_ISLNK(below->st.st_mode)) {
      outcome_.needs_chain_key = true;
      TRY(walk.follow(*next, TRY(read_link_fd(below->fd.get())), false));
      continue;
    }
    if (below && !S_ISDIR(below->st.st_mode))
      return fail(ErrorKind::kInvalidInput, "'{}' is not a directory in the layers below", shown(*next));
    if (create) {
      TRY(make_implied(*next, below ? &*below : nullptr, deleted, when));
    } else if (!below) {
      return Resolved{.path = *std::move(next), .exists = false};
    }
    walk.enter(*std::move(next));
  }
  return Resolved{.path = walk.at(), .exists = true};
}

// A directory of which the archive has only what is in it. In an overlay its attributes hide those of a lower
// directory, so it gets the same.
Result<> LayerTree::make_implied(const std::string& path, const Node* below, bool deleted, Timestamp when) {
  const SplitPath parts = split_path(path);
  const Place place{.dir = TRY(cache_.open(parts.parent)),
                    .parent = std::string(parts.parent),
                    .name = std::string(parts.name)};
  if (deleted) TRY(remove(place, false));
  Directory directory{.attributes = {}, .implied = true, .opaque = deleted, .whiteouts = {}};
  if (below != nullptr) {
    directory.attributes =
        TRY_CTX(attributes_of_fd(below->fd.get()), "directory '{}' of a lower layer", shown(path));
    if (directory.attributes.is_special()) outcome_.needs_chain_key = true;
  }
  directory.attributes.mtime = when;
  outcome_.implied_directories.push_back(path);
  return make_directory(place, std::move(directory));
}

Result<LayerTree::LinkTarget> LayerTree::find_link_target(std::string_view path) {
  const SplitPath parts = split_path(path);
  const Resolved parent = TRY(resolve(parts.parent, false, {}));
  LinkTarget target;
  target.path = join_path(parent.path, parts.name);
  if (!parent.exists) return fail(ErrorKind::kInvalidInput, "its target '{}' does not exist", shown(path));
  const std::optional<Node> here = TRY(probe(target.path));
  const bool deleted = here && is_whiteout(here->st);
  if (here && !deleted) {
    target.st = here->st;
    auto dir = cache_.open(split_path(target.path).parent);
    if (!dir) return std::unexpected(std::move(dir).error());
    target.dir = TRY(sys::duplicate(*dir));
    return target;
  }
  std::optional<Node> below;
  if (!deleted && !is_hidden(target.path)) below = TRY(look_up_below(target.path));
  if (!below) return fail(ErrorKind::kInvalidInput, "its target '{}' does not exist", shown(path));
  target.st = below->st;
  target.lower = std::move(below->fd);
  return target;
}

// Copies of lower files whose original turned out to be hidden by this layer are no part of it.
Result<> LayerTree::drop_hidden_copies() {
  for (const std::string& path : std::set(copies_)) {
    if (!is_hidden(path)) continue;
    const SplitPath parts = split_path(path);
    const Place place{.dir = TRY(cache_.open(parts.parent)),
                      .parent = std::string(parts.parent),
                      .name = std::string(parts.name)};
    TRY(remove(place, false));
  }
  return {};
}

// Whether an overlay merges a directory of this layer with one of a lower layer.
Result<bool> LayerTree::is_merged(const std::string& dir) {
  const auto known = directories_.find(dir);
  if (is_hidden(dir) || (known != directories_.end() && known->second.opaque)) return false;
  // A root is always merged with the writable directory on top.
  if (dir.empty()) return true;
  const std::optional<Node> below = TRY(look_up_below(dir));
  const bool merged = below && S_ISDIR(below->st.st_mode);
  if (!merged) outcome_.needs_chain_key = true;
  return merged;
}

// overlayfs lists the whiteouts of a directory that it does not merge, as names that cannot be opened.
Result<> LayerTree::drop_idle_whiteouts() {
  for (auto& [path, directory] : directories_) {
    if (directory.whiteouts.empty() || TRY(is_merged(path))) continue;
    const int dir = TRY(cache_.open(path));
    for (const std::string& name : directory.whiteouts) {
      // An entry that came later may have taken the place.
      const auto st = sys::stat_at(sys::DirRef(dir), name);
      if (st && is_whiteout(*st)) TRY(remove({.dir = dir, .parent = path, .name = name}, false));
    }
  }
  return {};
}

Result<> LayerTree::finish_directories() {
  for (const auto& [path, directory] : directories_) {
    const SplitPath parts = split_path(path);
    const int dir = TRY(cache_.open(parts.parent));
    const std::string name = path.empty() ? "." : std::string(parts.name);
    TRY(set_mtime_at(dir, name, directory.attributes.mtime, shown(path)));
    if (!records()) continue;
    RecordLine line{.kind = RecordKind::kDirectory,
                    .path = path.empty() ? "." : path,
                    .content = {},
                    .xattrs = {},
                    .target = {}};
    TRY(describe(directory.attributes, dir, name, line));
    if (directory.opaque) line.content = "opaque";
    TRY(add_record(line));
  }
  return {};
}

Result<> LayerTree::finish() {
  TRY(drop_hidden_copies());
  TRY(drop_idle_whiteouts());
  return finish_directories();
}

}  // namespace agena::stage0
