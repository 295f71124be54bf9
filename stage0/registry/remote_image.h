// An image in a registry: which manifest a reference means, and the image that it describes.
#pragma once

#include <string>

#include "common/base/result.h"
#include "stage0/image/formats/layered_image.h"
#include "stage0/image/formats/oci_image.h"
#include "stage0/image/platform.h"
#include "stage0/registry/registry.h"

namespace agena::stage0 {

// What a reference leads to.
struct RemoteImage {
  RemoteManifest top;                     // the first document: a manifest, or an index
  OciDescriptor manifest;                 // the image's own
  std::optional<std::string> bytes = {};  // of it; unset where only its descriptor has been seen
};

// Asks for the manifest of a tag or digest, and chooses by platform if it is an index: one request, unless
// indexes are nested.
Result<RemoteImage> find_remote_image(RegistryClient& registry, const std::string& tag_or_digest,
                                      const Platform& platform);

// Gets manifest and config. The layers are read through `open_blob`. Without names.
Result<LayeredImage> load_remote_image(RegistryClient& registry, RemoteImage image,
                                       const BlobOpener& open_blob);

}  // namespace agena::stage0
