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
#include "stage0/image/render/tree_archive.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

// One tree and what may be taken from it.
struct MergeInput {
  sys::DirFd tree;
  PathRules rules = {};
};

// What of the inputs, top first, is in the merged tree. A path is taken from the first input that has it and
// whose rules let it pass; nothing is taken from below a path that an upper input has as a non-directory, a
// whiteout, or an opaque directory. The root directory is that of the input `root`. `live` as in ArchiveForm.
Result<std::vector<ArchiveMember>> merged_members(const std::vector<MergeInput>& inputs, std::size_t root,
                                                  bool live);

// The archive of these.
Result<std::unique_ptr<ByteSource>> open_merged_archive(std::vector<MergeInput> inputs, ArchiveForm form,
                                                        std::size_t root = 0);

// As open_merged_archive, as an ACI with this manifest (which sets the form's prefix and start).
Result<std::unique_ptr<ByteSource>> open_rendered_aci(std::vector<MergeInput> inputs,
                                                      const std::string& manifest, ArchiveForm form = {},
                                                      std::size_t root = 0);

}  // namespace agena::stage0
