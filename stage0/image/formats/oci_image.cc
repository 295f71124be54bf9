#include "stage0/image/formats/oci_image.h"

#include "stage0/unpack/hash.h"

namespace agena::stage0 {

Result<LayeredImage> make_oci_image(std::string manifest_bytes, const ConfigReader& read_config,
                                    const BlobOpener& open_blob) {
  const OciManifest manifest = TRY(parse_oci_manifest(manifest_bytes));
  TRY(check_config_media_type(manifest.config.media_type));
  std::string config_bytes = TRY(read_config(manifest.config));
  LayeredImage image{.format = ImageFormat::kOci,
                     .id = image_id_of(hash_of(HashAlgorithm::kSha512, manifest_bytes)),
                     .config = TRY(parse_oci_config(config_bytes))};
  TRY(check_layer_count(manifest.layers.size(), image.config.diff_ids.size()));
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    const OciDescriptor& layer = manifest.layers[i];
    image.layers.push_back({.name = layer.digest.str(),
                            .blob_bytes = layer.size,
                            .open = [open_blob, layer] { return open_blob(layer); },
                            .compression = TRY_CTX(compression_of_media_type(layer.media_type), "layer '{}'",
                                                   layer.digest.str()),
                            .blob_digest = layer.digest,
                            .diff_id = image.config.diff_ids[i]});
  }
  image.manifest =
      Document{.digest = hash_of(HashAlgorithm::kSha256, manifest_bytes), .bytes = std::move(manifest_bytes)};
  image.config_document =
      Document{.digest = hash_of(HashAlgorithm::kSha256, config_bytes), .bytes = std::move(config_bytes)};
  return image;
}

}  // namespace agena::stage0
