// Where a symlink leads inside a tree, by text alone.
#pragma once

#include <string>
#include <string_view>

namespace agena::stage0 {

// The path (relative to the root, normalised) that a symlink at `from` with this target names, if no other
// symlink is on the way. ".." at the root stays there.
std::string link_path(std::string_view from, std::string_view target);

}  // namespace agena::stage0
