// Archives of layers that have none any more, or never had one: an unpacked layer in the form of image layers
// (image-spec layer.md: whiteouts as ".wh." files). The same tree always gives the same archive.
#pragma once

#include <memory>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/image/render/tree_archive.h"
#include "stage0/unpack/byte_source.h"
#include "stage0/unpack/layer_unpacker.h"

namespace agena::stage0 {

// The archive of a tree in overlayfs form. With `below` (what the layers below show) whiteouts and opaque
// marks that have nothing to hide there are left out; without it all are kept. Names that the form keeps for
// whiteouts (".wh.") cannot be in it: they are left out, and noted.
Result<std::unique_ptr<ByteSource>> open_layer_anew(sys::DirFd tree, const ParentLookup& below,
                                                    ArchiveForm form);

// Whether the form of image layers keeps a name for itself. If so, what has it is noted as left out.
bool is_reserved_name(const std::string& name, const std::string& path, const ArchiveForm& form);

}  // namespace agena::stage0
