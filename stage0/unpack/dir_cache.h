// Open directories of the tree that is being written, so that most entries need no path walk at all. Internal
// to stage0/unpack.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

class DirCache {
 public:
  explicit DirCache(sys::DirRef root) : root_(root) {}

  // Descriptor of an existing directory, reached without any symlink; valid until the next call of open() or
  // forget(). Errors keep the errno (ENOENT, ENOTDIR, ELOOP).
  Result<int> open(std::string_view path);
  // Closes what is at or below a path, because it is being removed.
  void forget(std::string_view path);

 private:
  struct Level {
    std::string path;
    sys::UniqueFd fd;
  };
  sys::DirRef root_;
  std::vector<Level> levels_;  // each below the one before
};

}  // namespace agena::stage0
