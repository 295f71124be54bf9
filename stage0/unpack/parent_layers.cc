#include "stage0/unpack/parent_layers.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <optional>
#include <utility>

#include "common/base/strings.h"
#include "common/sys/path_in_root.h"

namespace agena::stage0 {
namespace {

using sys::UniqueFd;

// What one layer says of a path.
struct Finding {
  std::optional<UniqueFd> node;
  bool final = false;  // layers below do not show through
};

Result<bool> is_opaque(int fd) {
  char value = 0;
  const ssize_t n = ::getxattr(sys::proc_fd_path(fd).c_str(), "trusted.overlay.opaque", &value, 1);
  if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP && errno != ERANGE)
    return sys_fail("reading an opaque mark");
  return n == 1 && value == 'y';
}

// Walks down component by component, since an opaque directory or a whiteout on the way decides as well.
Result<Finding> find_in(sys::DirRef layer, const std::string& path) {
  Finding finding;
  finding.final = TRY(is_opaque(layer.get()));
  std::string so_far;
  const std::vector<std::string> names = split(path, '/');
  for (std::size_t i = 0; i < names.size(); ++i) {
    so_far += (i == 0 ? "" : "/") + names[i];
    auto fd = sys::open_beneath_no_symlinks(layer, so_far, O_PATH | O_NOFOLLOW);
    if (!fd && fd.error().sys_errno() == ENOENT) return finding;
    UniqueFd node = TRY(std::move(fd));
    struct stat st{};
    if (::fstat(node.get(), &st) != 0) return sys_fail("reading attributes of '{}'", printable(so_far));
    if (!S_ISDIR(st.st_mode)) {
      const bool whiteout = S_ISCHR(st.st_mode) && st.st_rdev == ::makedev(0, 0);
      finding.final = true;
      if (i + 1 == names.size() && !whiteout) finding.node = std::move(node);
      return finding;
    }
    if (TRY(is_opaque(node.get()))) finding.final = true;
    if (i + 1 == names.size()) finding.node = std::move(node);
  }
  return finding;
}

}  // namespace

ParentLookup lookup_in_layers(std::vector<sys::DirRef> top_first) {
  return [layers = std::move(top_first)](const std::string& path) -> Result<std::optional<UniqueFd>> {
    for (const sys::DirRef layer : layers) {
      Finding finding = TRY(find_in(layer, path));
      // A merged directory has the attributes of its topmost layer.
      if (finding.node) return std::move(finding.node);
      if (finding.final) return std::nullopt;
    }
    return std::nullopt;
  };
}

}  // namespace agena::stage0
