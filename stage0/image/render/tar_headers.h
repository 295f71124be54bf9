// Headers of tar members as bytes: ustar with a pax header in front where ustar has no room.
#pragma once

#include <string>

#include "common/base/result.h"
#include "stage0/unpack/tar_reader.h"

namespace agena::stage0 {

// The header blocks of a member (a multiple of 512 bytes). Sparse members are written as whole files; sockets
// have no form (kUnsupported).
Result<std::string> tar_header(const TarEntry& entry);

// Zeros that fill content of this length up to a whole block.
std::string tar_padding(std::uint64_t content_bytes);
// The two zero blocks that end an archive.
std::string tar_end();

}  // namespace agena::stage0
