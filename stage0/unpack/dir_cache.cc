#include "stage0/unpack/dir_cache.h"

#include <utility>

#include "common/sys/path_in_root.h"
#include "stage0/unpack/layer_path.h"

namespace agena::stage0 {
namespace {

// Descriptors are few (RLIMIT_NOFILE is 1024 by default, and layers are unpacked side by side).
constexpr std::size_t kMaxLevels = 24;

}  // namespace

Result<int> DirCache::open(std::string_view path) {
  if (path.empty()) return root_.get();
  while (!levels_.empty() && !is_at_or_below(path, levels_.back().path)) levels_.pop_back();
  if (!levels_.empty() && levels_.back().path == path) return levels_.back().fd.get();
  const sys::DirRef base = levels_.empty() ? root_ : sys::DirRef(levels_.back().fd.get());
  const std::string rest(levels_.empty() ? path : path.substr(levels_.back().path.size() + 1));
  auto fd = sys::open_beneath_no_symlinks(base, rest, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!fd) return std::unexpected(std::move(fd).error());
  if (levels_.size() == kMaxLevels) levels_.pop_back();
  levels_.push_back({.path = std::string(path), .fd = std::move(*fd)});
  return levels_.back().fd.get();
}

void DirCache::forget(std::string_view path) {
  while (!levels_.empty() && is_at_or_below(levels_.back().path, path)) levels_.pop_back();
}

}  // namespace agena::stage0
