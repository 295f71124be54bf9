#include "stage0/unpack/layer_tree.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <utility>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"
#include "stage0/unpack/layer_path.h"

namespace agena::stage0 {
namespace {

constexpr const char* kOpaqueXattr = "trusted.overlay.opaque";
// Directories are remembered until the end; this much memory for their names is beyond any real layer.
constexpr std::size_t kMaxDirectoryBytes = 256U << 20U;
constexpr std::size_t kDirectoryOverhead = 200;

std::string shown(std::string_view path) { return path.empty() ? "/" : printable(path); }

// Takes a path and all below it out of a sorted container, whose other elements are not looked at: an archive
// may replace a directory again and again.
template <class Paths>
void erase_at_and_below(Paths& paths, const std::string& path) {
  if (const auto at = paths.find(path); at != paths.end()) paths.erase(at);
  paths.erase(paths.lower_bound(path + "/"), paths.lower_bound(path + static_cast<char>('/' + 1)));
}

}  // namespace

std::string Place::path() const { return join_path(parent, name); }

LayerTree::LayerTree(sys::DirRef root, const UnpackOptions& options, Warnings& warnings, RecordWriter* record)
    : root_(root), options_(options), warnings_(warnings), record_(record), cache_(root) {}

Result<> LayerTree::begin() {
  for (const char* acl : {"system.posix_acl_default", "system.posix_acl_access"})
    if (::fremovexattr(root_.get(), acl) != 0 && errno != ENODATA && errno != EOPNOTSUPP)
      return sys_fail("removing xattr '{}' of the layer's directory", acl);
  Directory root{.attributes = {}, .implied = true, .opaque = false, .whiteouts = {}};
  TRY(set_attributes(root_.get(), root.attributes, "/", warnings_));
  return remember("", std::move(root));
}

bool LayerTree::is_whiteout(const struct stat& st) const {
  return options_.kind == ArchiveKind::kLayer && S_ISCHR(st.st_mode) && st.st_rdev == ::makedev(0, 0);
}

// Whether something in this layer above the path hides what the layers below have there.
bool LayerTree::is_hidden(std::string_view path) const {
  while (!path.empty()) {
    path = split_path(path).parent;
    const auto dir = directories_.find(path);
    if (dir != directories_.end() && dir->second.opaque) return true;
  }
  return false;
}

Result<std::optional<LayerTree::Node>> LayerTree::probe(const std::string& path) {
  auto fd = sys::open_beneath_no_symlinks(root_, path, O_PATH | O_NOFOLLOW);
  if (!fd && fd.error().sys_errno() == ENOENT) return std::nullopt;
  Node node{.fd = TRY(std::move(fd))};
  if (::fstat(node.fd.get(), &node.st) != 0) return sys_fail("reading attributes of '{}'", shown(path));
  return node;
}

Result<std::optional<LayerTree::Node>> LayerTree::look_up_below(const std::string& path) {
  if (!options_.lookup_parent) return std::nullopt;
  auto fd = TRY_CTX(options_.lookup_parent(path), "looking for '{}' in the layers below", shown(path));
  if (!fd) return std::nullopt;
  Node node{.fd = std::move(*fd)};
  if (::fstat(node.fd.get(), &node.st) != 0) return sys_fail("reading attributes of '{}'", shown(path));
  return node;
}

Result<Place> LayerTree::place_of(std::string_view path, Timestamp when) {
  const SplitPath parts = split_path(path);
  auto dir = cache_.open(parts.parent);
  if (dir) return Place{.dir = *dir, .parent = std::string(parts.parent), .name = std::string(parts.name)};
  // Missing, or through a symlink.
  Resolved parent = TRY(resolve(parts.parent, true, when));
  const int fd = TRY(cache_.open(parent.path));
  return Place{.dir = fd, .parent = std::move(parent.path), .name = std::string(parts.name)};
}

Result<> LayerTree::remember(const std::string& path, Directory directory) {
  directory_bytes_ += path.size() + kDirectoryOverhead;
  if (directory_bytes_ > kMaxDirectoryBytes) return fail(ErrorKind::kInvalidInput, "too many directories");
  directories_.insert_or_assign(path, std::move(directory));
  return {};
}

Result<> LayerTree::add_record(const RecordLine& line) {
  return record_ == nullptr ? Result<>() : record_->add(line);
}

Result<> LayerTree::record_gone(const std::string& path) {
  return add_record({.kind = RecordKind::kGone, .path = path, .content = {}, .xattrs = {}, .target = {}});
}

// Removes what is at a place, and all memory of it.
Result<> LayerTree::remove(const Place& place, bool directory) {
  const std::string path = place.path();
  TRY(record_gone(path));
  if (!directory) {
    copies_.erase(path);
    return sys::remove_file(sys::DirRef(place.dir), place.name);
  }
  cache_.forget(path);
  erase_at_and_below(directories_, path);
  erase_at_and_below(copies_, path);
  return sys::remove_tree(sys::DirRef(place.dir), place.name);
}

Result<> LayerTree::clear(const Place& place) {
  const std::string path = place.path();
  const struct stat st = TRY(sys::stat_at(sys::DirRef(place.dir), place.name));
  if (is_whiteout(st) || copies_.contains(path)) return remove(place, false);
  if (options_.kind == ArchiveKind::kAci)
    return fail(ErrorKind::kInvalidInput, "duplicate: an earlier entry has this name");
  warnings_.add(fmt::format("'{}' comes more than once; the last one counts", shown(path)));
  if (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size > 0)) outcome_.replaced_content = true;
  return remove(place, S_ISDIR(st.st_mode));
}

// Makes a new directory at a place where nothing is.
Result<> LayerTree::make_directory(const Place& place, Directory directory) {
  const std::string path = place.path();
  // A path that leads through symlinks may be short and still end deep.
  if (depth_of(path) > kMaxDepth)
    return fail(ErrorKind::kInvalidInput, "'{}' lies deeper than {} directories", shown(path), kMaxDepth);
  constexpr mode_t kUntilOwned = 0700;
  if (::mkdirat(place.dir, place.name.c_str(), kUntilOwned) != 0)
    return sys_fail("creating directory '{}'", shown(path));
  const int fd = TRY(cache_.open(path));
  TRY(set_attributes(fd, directory.attributes, shown(path), warnings_));
  const bool opaque = directory.opaque;
  TRY(remember(path, std::move(directory)));
  return opaque ? make_opaque(path) : Result<>();
}

Result<> LayerTree::update_directory(const std::string& path, Attributes attributes) {
  const auto known = directories_.find(path);
  if (known == directories_.end())
    return fail(ErrorKind::kInternal, "'{}' is not known as a directory", shown(path));
  Directory& directory = known->second;
  if (!directory.implied && options_.kind == ArchiveKind::kAci)
    return fail(ErrorKind::kInvalidInput, "duplicate: an earlier entry has this name");
  if (!directory.implied)
    warnings_.add(fmt::format("'{}' comes more than once; the last one counts", shown(path)));
  const int fd = TRY(cache_.open(path));
  for (const TarEntry::Xattr& old : directory.attributes.xattrs)
    if (::fremovexattr(fd, old.name.c_str()) != 0 && errno != ENODATA)
      return sys_fail("removing xattr '{}' of '{}'", printable(old.name), shown(path));
  TRY(set_attributes(fd, attributes, shown(path), warnings_));
  directory.attributes = std::move(attributes);
  directory.implied = false;
  return {};
}

Result<> LayerTree::add_directory(std::string_view path, Attributes attributes) {
  if (path.empty()) {
    outcome_.root_entry = true;
    return update_directory("", std::move(attributes));
  }
  const Place place = TRY(place_of(path, attributes.mtime));
  auto made =
      make_directory(place, {.attributes = attributes, .implied = false, .opaque = false, .whiteouts = {}});
  if (made || made.error().sys_errno() != EEXIST) return made;
  const struct stat st = TRY(sys::stat_at(sys::DirRef(place.dir), place.name));
  if (S_ISDIR(st.st_mode)) return update_directory(place.path(), std::move(attributes));
  // A directory that takes the place of a deleted thing shows nothing of what a lower layer has under its
  // name.
  const bool opaque = is_whiteout(st);
  TRY(clear(place));
  return make_directory(
      place, {.attributes = std::move(attributes), .implied = false, .opaque = opaque, .whiteouts = {}});
}

Result<> LayerTree::make_opaque(const std::string& path) {
  const int fd = TRY(cache_.open(path));
  if (::fsetxattr(fd, kOpaqueXattr, "y", 1, 0) != 0) return sys_fail("making '{}' opaque", shown(path));
  directories_.find(path)->second.opaque = true;
  if (path.empty()) outcome_.root_opaque = true;
  return {};
}

Result<> LayerTree::add_opaque(std::string_view dir, Timestamp when) {
  const Resolved resolved = TRY(resolve(dir, true, when));
  return make_opaque(resolved.path);
}

Result<> LayerTree::add_whiteout(std::string_view parent, std::string_view name, Timestamp when) {
  const Place place = TRY(place_of(join_path(parent, name), when));
  const std::string path = place.path();
  if (copies_.contains(path)) TRY(remove(place, false));
  if (::mknodat(place.dir, place.name.c_str(), S_IFCHR, ::makedev(0, 0)) != 0) {
    if (errno != EEXIST) return sys_fail("creating the whiteout of '{}'", shown(path));
    // What this layer has under the name stays (layer.md: whiteouts apply to lower layers only), but a
    // directory must not merge with a lower one.
    return directories_.contains(path) ? make_opaque(path) : Result<>();
  }
  directory_bytes_ += place.name.size() + sizeof(std::string);
  if (directory_bytes_ > kMaxDirectoryBytes) return fail(ErrorKind::kInvalidInput, "too many whiteouts");
  directories_.find(place.parent)->second.whiteouts.push_back(place.name);
  return add_record({.kind = RecordKind::kWhiteout, .path = path, .content = {}, .xattrs = {}, .target = {}});
}

void LayerTree::note_copy(const std::string& path) {
  copies_.insert(path);
  outcome_.needs_chain_key = true;
}

}  // namespace agena::stage0
