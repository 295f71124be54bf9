// Reading files of a root that is not mounted: what a stack of unpacked layers shows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

// Content of a regular file at a relative, normalised path in the overlay of these layers (top first). A
// symlink at its end is followed inside the root, symlinks among its directories are not. nullopt if there is
// no such file; larger than max_bytes is an error.
Result<std::optional<std::string>> read_merged_file(const std::vector<sys::DirRef>& top_first,
                                                    const std::string& path, std::size_t max_bytes);

}  // namespace agena::stage0
