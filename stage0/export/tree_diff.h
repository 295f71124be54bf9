// What a plain tree has changed over the layers that it was copied from, as a layer of its own.
#pragma once

#include <memory>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/image/render/merged_archive.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

// The archive of everything in `tree` that is not the same in the merged layers (top first), in the form of
// image layers: deleted names are whiteouts. A file is the same if its attributes, its time and its content
// are; directories on the way to a change are in the archive too, with their attributes. Layers' files are
// read only where the attributes do not tell.
Result<std::unique_ptr<ByteSource>> open_tree_changes(sys::DirFd tree, std::vector<sys::DirFd> layers,
                                                      ArchiveForm form);

}  // namespace agena::stage0
