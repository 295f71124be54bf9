// What a stack of unpacked layers shows at a path, as an overlay of them would: for
// UnpackOptions::lookup_parent.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/unpack/layer_unpacker.h"

namespace agena::stage0 {

// A lookup in these layers, the topmost first. Whiteouts, opaque directories and directories hidden by other
// things are considered; symlinks are not followed. The descriptors must stay open as long as the lookup is
// used.
ParentLookup lookup_in_layers(std::vector<sys::DirRef> top_first);

}  // namespace agena::stage0
