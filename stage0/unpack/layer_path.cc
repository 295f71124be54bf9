#include "stage0/unpack/layer_path.h"

#include <algorithm>
#include <climits>

#include "common/base/strings.h"

namespace agena::stage0 {

Result<std::string> normalise_path(std::string_view raw) {
  const std::string_view whole = raw;
  std::string path;
  path.reserve(raw.size());
  while (!raw.empty()) {
    const Cut parts = cut(raw, '/');
    const std::string_view name = parts.before;
    raw = parts.after;
    if (name.empty() || name == ".") continue;
    if (name == "..") return fail(ErrorKind::kInvalidInput, "the path '{}' contains '..'", printable(whole));
    if (name.size() > NAME_MAX)
      return fail(ErrorKind::kInvalidInput, "the path contains a name of {} bytes; the limit is {}",
                  name.size(), NAME_MAX);
    if (!path.empty()) path.push_back('/');
    path.append(name);
  }
  if (path.size() >= PATH_MAX)
    return fail(ErrorKind::kInvalidInput, "the path has {} bytes; the limit is {}", path.size(),
                PATH_MAX - 1);
  if (depth_of(path) > kMaxDepth)
    return fail(ErrorKind::kInvalidInput, "the path has {} components; the limit is {}", depth_of(path),
                kMaxDepth);
  return path;
}

std::size_t depth_of(std::string_view path) {
  return path.empty() ? 0 : static_cast<std::size_t>(std::ranges::count(path, '/')) + 1;
}

SplitPath split_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {.parent = {}, .name = path};
  return {.parent = path.substr(0, slash), .name = path.substr(slash + 1)};
}

std::string join_path(std::string_view parent, std::string_view name) {
  return parent.empty() ? std::string(name) : fmt::format("{}/{}", parent, name);
}

bool is_at_or_below(std::string_view path, std::string_view dir) {
  return dir.empty() || (path.starts_with(dir) && (path.size() == dir.size() || path[dir.size()] == '/'));
}

}  // namespace agena::stage0
