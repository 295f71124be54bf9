#include "stage0/export/image_export.h"

#include <memory>
#include <utility>

#include "common/base/strings.h"
#include "manifests/codec/image_manifest.h"
#include "stage0/export/bundle.h"
#include "stage0/export/compressor.h"
#include "stage0/export/layered_export.h"
#include "stage0/export/layered_writer.h"
#include "stage0/export/target_file.h"
#include "stage0/export/tee_hash.h"
#include "stage0/image/render/merged_archive.h"
#include "stage0/tree/layers_file.h"

namespace agena::stage0 {
namespace {

// The image's own files as an ACI that is made of them, with the image's manifest.
Result<std::unique_ptr<ByteSource>> open_aci_anew(const Store& store, const ImageRecord& record,
                                                  const std::vector<LayerUse>& layers) {
  std::vector<LayerKey> keys;
  for (const LayerUse& layer : layers) keys.push_back(layer.key);
  std::vector<sys::DirFd> trees = TRY(open_layers(store, keys));
  if (trees.empty()) return fail(ErrorKind::kInternal, "image '{}' has no layers", record.id);
  const std::size_t root = trees.size() - 1 - TRY(root_attributes_layer(store, keys, trees));
  std::vector<MergeInput> inputs;
  for (auto tree = trees.rbegin(); tree != trees.rend(); ++tree) inputs.push_back({.tree = std::move(*tree)});
  return open_rendered_aci(std::move(inputs), TRY(codec::write_image_manifest(record.manifest)), {}, root);
}

// The archive of an ACI: the original one, or one made of its files and its manifest.
Result<std::unique_ptr<ByteSource>> open_aci(const Store& store, const ImageRecord& record,
                                             std::vector<std::string>& notes) {
  const std::vector<LayerUse>& own = record.sources.empty() ? record.layers : record.sources;
  if (record.format == ImageFormat::kAci) {
    if (own.size() != 1)
      return fail(ErrorKind::kInternal, "image '{}' has {} layers of its own", record.id, own.size());
    auto original = store.open_layer_archive(own.front().key);
    if (original || original.error().kind() != ErrorKind::kNotFound) return original;
    notes.push_back(original.error().to_string() + "; it is archived anew, under another image id");
  }
  return open_aci_anew(store, record, own);
}

}  // namespace

Result<ExportTarget> parse_export_target(std::string_view text) {
  constexpr std::string_view kLayout = "oci:";
  if (!text.starts_with(kLayout)) return ExportTarget{.path = std::string(text)};
  text.remove_prefix(kLayout.size());
  // As in references: a tag has no slash.
  const std::size_t colon = text.rfind(':');
  ExportTarget target{.path = std::string(text), .directory = true};
  if (colon != std::string_view::npos && !text.substr(colon).contains('/')) {
    target.path = text.substr(0, colon);
    target.tag = text.substr(colon + 1);
    if (target.tag.empty())
      return fail(ErrorKind::kInvalidInput, "'oci:{}' has an empty tag", printable(text));
  }
  if (target.path.empty())
    return fail(ErrorKind::kInvalidInput, "'oci:{}' names no directory", printable(text));
  return target;
}

Result<ExportReport> export_archive(std::unique_ptr<ByteSource> aci, const ExportTarget& target,
                                    const ExportOptions& options) {
  if (target.directory)
    return fail(ErrorKind::kInvalidInput, "an ACI is a file, and 'oci:' stands for a directory");
  TargetFile file = TRY(TargetFile::create(target.path, options.overwrite));
  std::optional<Digest> digest;
  const auto content =
      TRY(open_compressor(std::make_unique<TeeHash>(std::move(aci), HashAlgorithm::kSha512, digest),
                          options.compression.value_or(Compression::kNone)));
  TRY_CTX(write_stream(*content, file.fd()), "writing '{}'", printable(target.path));
  if (options.before_commit) TRY(options.before_commit());
  TRY(file.commit());
  if (!digest) return fail(ErrorKind::kInternal, "the archive was not read to its end");
  return ExportReport{.digest = image_id_of(*digest), .notes = {}};
}

Result<ExportReport> export_layered(const LayeredExport& image, const ExportTarget& target,
                                    const ExportOptions& options) {
  const bool oci = options.format == ExportFormat::kOci;
  if (target.directory && !oci)
    return fail(ErrorKind::kInvalidInput, "a docker archive is a file, and 'oci:' stands for a directory");
  const auto bundle = TRY(target.directory ? make_directory_bundle(target.path, options.overwrite)
                                           : make_tar_bundle(target.path, options.overwrite));
  // What each format's own tools write.
  const Compression compression = options.compression.value_or(oci ? Compression::kGzip : Compression::kNone);
  const Digest digest = TRY_CTX(oci ? write_oci_layout(image, compression, target.tag, *bundle)
                                    : write_docker_archive(image, compression, *bundle),
                                "writing '{}'", printable(target.path));
  if (options.before_commit) TRY(options.before_commit());
  TRY(bundle->commit());
  return ExportReport{.digest = digest.str(), .notes = *image.notes};
}

Result<ExportReport> export_image(const Store& store, const ImageRecord& record, const ExportTarget& target,
                                  const ExportOptions& options) {
  if (options.format != ExportFormat::kAci)
    return export_layered(TRY(layered_export(store, record)), target, options);
  std::vector<LayerKey> keys;
  for (const auto* uses : {&record.layers, &record.sources})
    for (const LayerUse& use : *uses) keys.push_back(use.key);
  const auto hold = TRY(store.hold_layers(keys));
  std::vector<std::string> notes;
  ExportReport report = TRY(export_archive(TRY(open_aci(store, record, notes)), target, options));
  report.notes = std::move(notes);
  return report;
}

}  // namespace agena::stage0
