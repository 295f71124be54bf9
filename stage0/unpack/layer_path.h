// Paths of archive members as paths inside a layer. Internal to stage0/unpack.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace agena::stage0 {

// Deepest place in a layer. Linux has no such limit, but removing a tree keeps a descriptor open for each
// level (1024 is the usual limit of them), and finding the way takes time with the square of the depth.
inline constexpr std::size_t kMaxDepth = 256;

// The path without leading slashes, "." and empty components; "" is the root. Errors: a ".." component, one
// of more than 255 bytes, more than 4095 bytes in all (limits of Linux), more than kMaxDepth
// components.
Result<std::string> normalise_path(std::string_view raw);

// Number of components of a normalised path; 0 for the root.
std::size_t depth_of(std::string_view path);

// A normalised path taken apart.
struct SplitPath {
  std::string_view parent;  // "" is the root
  std::string_view name;
};
SplitPath split_path(std::string_view path);

// "parent/name", or the name alone at the root.
std::string join_path(std::string_view parent, std::string_view name);

// Whether path is dir itself or below it; everything is below "".
bool is_at_or_below(std::string_view path, std::string_view dir);

// Marks of a layer (image-spec layer.md, "Whiteouts").
constexpr std::string_view kWhiteoutPrefix = ".wh.";
constexpr std::string_view kOpaqueMarker = ".wh..wh..opq";
constexpr std::string_view kAufsPrefix = ".wh..wh.";  // aufs's own bookkeeping, of no meaning elsewhere

}  // namespace agena::stage0
