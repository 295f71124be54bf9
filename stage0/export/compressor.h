// Compressing a stream while it is read. The same bytes always give the same bytes: no times, no names, one
// thread.
#pragma once

#include <memory>

#include "common/base/result.h"
#include "stage0/unpack/byte_source.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

// The source, compressed; kNone gives the source itself. Only kNone, kGzip and kZstd (kUnsupported
// otherwise).
Result<std::unique_ptr<ByteSource>> open_compressor(std::unique_ptr<ByteSource> content,
                                                    Compression compression);

}  // namespace agena::stage0
