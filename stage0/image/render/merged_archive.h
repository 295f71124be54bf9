// Several trees as one archive that is made while it is read: an ACI put together from its dependencies
// (rkt's rules: depth first, top first, path whitelists), or layers merged because overlayfs cannot stack so
// many. It goes through the layer unpacker like any image, which gives the result a tree record as well.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/image/render/dependencies.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

// One tree and what may be taken from it.
struct MergeInput {
  sys::DirFd tree;
  PathRules rules = {};
};

// The archive of the inputs, top first. A path is taken from the first input that has it and whose rules let
// it pass; nothing is taken from below a path that an upper input has as a non-directory, a whiteout, or an
// opaque directory. `prefix` leads all paths ("rootfs", or empty), `start` is what the archive begins with.
Result<std::unique_ptr<ByteSource>> open_merged_archive(std::vector<MergeInput> inputs, std::string prefix,
                                                        std::string start);

// As open_merged_archive, as an ACI with this manifest.
Result<std::unique_ptr<ByteSource>> open_rendered_aci(std::vector<MergeInput> inputs,
                                                      const std::string& manifest);

}  // namespace agena::stage0
