// What differs between two roots, each a stack of layers in overlayfs's form, without mounting either.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"

namespace agena::stage0 {

// A layer of a root.
struct TreeLayer {
  const sys::DirFd* tree = nullptr;
  // Layers of one identity hold the same; what both roots have from them is not looked at.
  std::string identity;
  // What is taken off the owners found in it: the first id of a pod with a user namespace of its own.
  std::uint32_t first_id = 0;
};

enum class ChangeKind { kAdded, kChanged, kDeleted };
// "added", "changed", "deleted".
std::string_view to_string(ChangeKind kind);

// What is at a path.
struct NodeFacts {
  const char* type =
      "file";              // "file", "directory", "symlink", "char-device", "block-device", "fifo", "socket"
  std::uint32_t mode = 0;  // permission bits
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t size = 0;  // of files
};

struct PathChange {
  ChangeKind kind;
  std::string path;  // absolute in the root; any bytes
  // Of what is in both roots: "type", "content", "target", "device", "mode", "owner", "attributes", "time".
  std::vector<std::string> what = {};
  std::optional<NodeFacts> before = {};
  std::optional<NodeFacts> after = {};
};

// All differences in the order of the tree, a directory before what is in it. Times are compared in seconds,
// those of directories not at all: they change with what is in them. Nor are the roots' own attributes.
Result<std::vector<PathChange>> diff_trees(std::span<const TreeLayer> before_bottom_first,
                                           std::span<const TreeLayer> after_bottom_first);

}  // namespace agena::stage0
