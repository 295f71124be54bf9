#include "stage0/image/merged_view.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "stage0/image/link_path.h"
#include "stage0/unpack/parent_layers.h"

namespace agena::stage0 {

Result<std::optional<std::string>> read_merged_file(const std::vector<sys::DirRef>& top_first,
                                                    const std::string& path, std::size_t max_bytes) {
  constexpr int kMostLinks = 8;
  const ParentLookup lookup = lookup_in_layers(top_first);
  std::string at = path;
  for (int links = 0; links < kMostLinks; ++links) {
    const auto fd = TRY(lookup(at));
    if (!fd) return std::nullopt;
    struct stat st{};
    if (::fstat(fd->get(), &st) != 0) return sys_fail("reading attributes of '{}'", printable(at));
    if (S_ISREG(st.st_mode)) {
      const sys::UniqueFd file = TRY(sys::open_at(sys::at_cwd(), sys::proc_fd_path(fd->get()), O_RDONLY));
      return TRY_CTX(sys::read_all(file.get(), max_bytes), "file '{}'", printable(at));
    }
    if (!S_ISLNK(st.st_mode)) return std::nullopt;
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(fd->get(), "", target.data(), target.size());
    if (size < 0) return sys_fail("reading symlink '{}'", printable(at));
    at = link_path(at, {target.data(), static_cast<std::size_t>(size)});
    if (at.empty()) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace agena::stage0
