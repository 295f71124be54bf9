// An ACI put together from others, as an archive that is made while it is read: rkt's rules (rkt-facts 6.5 in
// the reference). It goes through the layer unpacker like any image, which gives it a tree record as well.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/image/render/dependencies.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

// The archive of `manifest` and the files of all inputs; the trees are theirs, in the same order. A file is
// taken from the first input (top first) that has it and whose filters let it pass; nothing is taken from
// below a path that an upper input has as a non-directory.
Result<std::unique_ptr<ByteSource>> open_rendered_archive(std::vector<sys::DirFd> trees,
                                                          const std::vector<RenderInput>& inputs,
                                                          const std::string& manifest);

}  // namespace agena::stage0
