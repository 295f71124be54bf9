// An image out of its manifest and config, wherever they and the blobs come from.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "stage0/image/formats/layered_image.h"
#include "stage0/image/formats/oci_documents.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

// Opens the blob of a descriptor for one reading; may be called from any thread, at any time later.
using BlobOpener = std::function<Result<std::unique_ptr<ByteSource>>(const OciDescriptor&)>;
// Reads a document whose digest and size have been checked.
using ConfigReader = std::function<Result<std::string>(const OciDescriptor&)>;

// The image of a manifest's exact bytes; without names. Artifacts, encrypted layers and layers of unknown
// media types are kUnsupported.
Result<LayeredImage> make_oci_image(std::string manifest_bytes, const ConfigReader& read_config,
                                    const BlobOpener& open_blob);

}  // namespace agena::stage0
