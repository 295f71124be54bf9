#include "stage0/export/layered_writer.h"

#include <utility>
#include <vector>

#include "stage0/export/compressor.h"
#include "stage0/export/oci_config.h"
#include "stage0/export/tee_hash.h"
#include "stage0/store/docker_name.h"

namespace agena::stage0 {
namespace {

std::string blob_name(const Written& blob) { return "blobs/sha256/" + blob.digest.hex(); }

// Writes one layer; name_of gets its diffID besides.
template <class NameOf>
Result<WrittenLayer> write_layer(const ExportLayer& layer, Compression compression, Bundle& bundle,
                                 NameOf name_of) {
  std::optional<Digest> diff_id;
  auto archive = std::make_unique<TeeHash>(TRY(layer.open()), HashAlgorithm::kSha256, diff_id);
  const auto content = TRY(open_compressor(std::move(archive), compression));
  const Written blob =
      TRY(bundle.add(*content, [&](const Written& written) { return name_of(written, *diff_id); }));
  return WrittenLayer{.blob = blob, .compression = compression, .diff_id = *diff_id};
}

// The config that the layers as written belong to.
Result<std::string> config_of(const LayeredExport& image, const std::vector<WrittenLayer>& layers) {
  std::vector<Digest> diff_ids;
  std::vector<std::string> created_by;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    diff_ids.push_back(layers[i].diff_id);
    if (!image.layers[i].created_by.empty()) created_by.push_back(image.layers[i].created_by);
  }
  return config_with_layers(image.config, diff_ids, created_by);
}

std::string tag_of(const LayeredExport& image) {
  if (image.names.empty()) return {};
  const auto name = parse_docker_name(image.names.front());
  return name ? name->tag : std::string();
}

}  // namespace

Result<Digest> write_oci_layout(const LayeredExport& image, Compression compression, const std::string& tag,
                                Bundle& bundle) {
  (void)TRY(bundle.add_text("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
  std::vector<WrittenLayer> layers;
  for (const ExportLayer& layer : image.layers)
    layers.push_back(TRY(write_layer(layer, compression, bundle,
                                     [](const Written& blob, const Digest&) { return blob_name(blob); })));
  auto add_document = [&](const std::string& text) -> Result<Written> {
    StringSource source(text);
    return bundle.add(source, blob_name);
  };
  const Written config = TRY(add_document(TRY(config_of(image, layers))));
  // A manifest of docker's own type has no place in a layout.
  const std::string text = image.manifest && manifest_type(*image.manifest) == kOciManifestType &&
                                   manifest_lists(*image.manifest, config, layers)
                               ? *image.manifest
                               : TRY(make_oci_manifest(config, layers));
  const Written manifest = TRY(add_document(text));
  (void)TRY(
      bundle.add_text("index.json", TRY(make_oci_index(manifest, tag.empty() ? tag_of(image) : tag,
                                                       image.names.empty() ? "" : image.names.front()))));
  return manifest.digest;
}

Result<Digest> write_docker_archive(const LayeredExport& image, Compression compression, Bundle& bundle) {
  std::vector<WrittenLayer> layers;
  std::vector<std::string> names;
  for (const ExportLayer& layer : image.layers) {
    layers.push_back(TRY(write_layer(layer, compression, bundle, [](const Written&, const Digest& diff_id) {
      return diff_id.hex() + ".tar";
    })));
    names.push_back(layers.back().diff_id.hex() + ".tar");
  }
  StringSource config(TRY(config_of(image, layers)));
  const auto config_name = [](const Written& written) { return written.digest.hex() + ".json"; };
  const Written written = TRY(bundle.add(config, config_name));
  (void)TRY(
      bundle.add_text("manifest.json", TRY(make_docker_manifest(config_name(written), image.names, names))));
  return written.digest;
}

}  // namespace agena::stage0
