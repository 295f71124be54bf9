#include "stage0/registry/remote_image.h"

#include "common/base/strings.h"
#include "stage0/image/formats/manifest_choice.h"

namespace agena::stage0 {
namespace {

// A layer that registries need not have, because its maker does not let others distribute it. Its descriptor
// has URLs, which are not asked: whoever made the image would send us anywhere.
bool is_foreign(const OciDescriptor& layer) {
  return layer.media_type.contains(".foreign.") || layer.media_type.contains(".nondistributable.");
}

class ForeignLayer : public ByteSource {
 public:
  ForeignLayer(std::unique_ptr<ByteSource> inner, std::string media_type)
      : inner_(std::move(inner)), media_type_(std::move(media_type)) {}
  Result<std::size_t> read(std::span<char> buffer) override {
    auto n = inner_->read(buffer);
    if (n || n.error().kind() != ErrorKind::kNotFound) return n;
    return fail(
        ErrorKind::kUnsupported,
        "the registry does not have it, because it is a foreign layer (media type '{}'); layers are not "
        "fetched from other places",
        printable(media_type_));
  }

 private:
  std::unique_ptr<ByteSource> inner_;
  const std::string media_type_;
};

}  // namespace

Result<RemoteImage> find_remote_image(RegistryClient& registry, const std::string& tag_or_digest,
                                      const Platform& platform) {
  RemoteManifest top = TRY(registry.manifest(tag_or_digest));
  if (kind_of_media_type(top.descriptor.media_type) == OciKind::kManifest) {
    OciDescriptor manifest = top.descriptor;
    std::string bytes = top.bytes;
    return RemoteImage{.top = std::move(top), .manifest = std::move(manifest), .bytes = std::move(bytes)};
  }
  ManifestSearch search([&](const OciDescriptor& descriptor) -> Result<std::string> {
    if (descriptor.digest == top.descriptor.digest) return top.bytes;
    return registry.document(descriptor);
  });
  const auto choose = [&]() -> Result<ManifestLeaf> {
    TRY(search.add(top.descriptor, 0));
    return pick_manifest(search.leaves(), platform);
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
        std::move(bytes), [&](const OciDescriptor& config) { return registry.document(config); },
        [open_blob](const OciDescriptor& layer) -> Result<std::unique_ptr<ByteSource>> {
          auto blob = TRY(open_blob(layer));
          if (!is_foreign(layer)) return blob;
          return std::make_unique<ForeignLayer>(std::move(blob), layer.media_type);
        });
  };
  return TRY_CTX(load(), "image '{}' of '{}'", image.manifest.digest.str(), printable(registry.name()));
}

}  // namespace agena::stage0
