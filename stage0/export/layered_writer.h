// Writing layered images: OCI layouts and docker archives.
#pragma once

#include <string>

#include "common/base/result.h"
#include "stage0/export/bundle.h"
#include "stage0/export/layered_export.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

// Digest of what was written: of the manifest (OCI), of the config (docker).
Result<Digest> write_oci_layout(const LayeredExport& image, Compression compression, const std::string& tag,
                                Bundle& bundle);
Result<Digest> write_docker_archive(const LayeredExport& image, Compression compression, Bundle& bundle);

}  // namespace agena::stage0
