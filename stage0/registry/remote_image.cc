#include "stage0/registry/remote_image.h"

#include "common/base/strings.h"
#include "stage0/image/formats/manifest_choice.h"

namespace agena::stage0 {

Result<RemoteImage> find_remote_image(RegistryClient& registry, const std::string& tag_or_digest,
                                      const Platform& platform) {
  RemoteManifest top = TRY(registry.manifest(tag_or_digest));
  if (kind_of_media_type(top.descriptor.media_type) == OciKind::kManifest) {
    OciDescriptor manifest = top.descriptor;
    std::string bytes = top.bytes;
    return RemoteImage{.top = std::move(top), .manifest = std::move(manifest), .bytes = std::move(bytes)};
  }
  std::vector<ManifestLeaf> leaves;
  const DocumentReader read = [&](const OciDescriptor& descriptor) -> Result<std::string> {
    if (descriptor.digest == top.descriptor.digest) return top.bytes;
    return registry.document(descriptor);
  };
  const auto choose = [&]() -> Result<ManifestLeaf> {
    TRY(collect_manifests(top.descriptor, 0, read, leaves));
    return pick_manifest(leaves, platform);
  };
  const ManifestLeaf chosen =
      TRY_CTX(choose(), "image '{}' of '{}'", printable(tag_or_digest), printable(registry.name()));
  return RemoteImage{.top = std::move(top), .manifest = chosen.manifest, .bytes = {}};
}

Result<LayeredImage> load_remote_image(RegistryClient& registry, RemoteImage image,
                                       const BlobOpener& open_blob) {
  const auto load = [&]() -> Result<LayeredImage> {
    std::string bytes = image.bytes ? *std::move(image.bytes) : TRY(registry.document(image.manifest));
    return make_oci_image(
        std::move(bytes), [&](const OciDescriptor& config) { return registry.document(config); }, open_blob);
  };
  return TRY_CTX(load(), "image '{}' of '{}'", image.manifest.digest.str(), printable(registry.name()));
}

}  // namespace agena::stage0
