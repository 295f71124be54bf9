#include "stage0/export/image_export.h"

#include <memory>
#include <utility>

#include "manifests/codec/image_manifest.h"
#include "stage0/export/compressor.h"
#include "stage0/export/target_file.h"
#include "stage0/image/render/merged_archive.h"

namespace agena::stage0 {
namespace {

// The image's own files as trees, top first.
Result<std::vector<MergeInput>> trees_of(const Store& store, const std::vector<LayerUse>& layers) {
  std::vector<MergeInput> trees;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer)
    trees.push_back({.tree = TRY(store.open_layer_fs(layer->key))});
  return trees;
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
  const std::string manifest = TRY(codec::write_image_manifest(record.manifest));
  return open_rendered_aci(TRY(trees_of(store, own)), manifest);
}

// Passes an archive on and takes its image id.
class IdentifyingSource : public ByteSource {
 public:
  explicit IdentifyingSource(std::unique_ptr<ByteSource> archive, std::optional<Digest>& digest)
      : archive_(std::move(archive)), hashed_(*archive_, HashAlgorithm::kSha512), digest_(digest) {}
  Result<std::size_t> read(std::span<char> buffer) override {
    const std::size_t n = TRY(hashed_.read(buffer));
    if (n == 0) digest_ = hashed_.finish();
    return n;
  }

 private:
  std::unique_ptr<ByteSource> archive_;
  HashingSource hashed_;
  std::optional<Digest>& digest_;
};

}  // namespace

Result<ExportReport> export_aci(Store& store, const ImageRecord& record, const std::string& path,
                                const ExportOptions& options) {
  TargetFile target = TRY(TargetFile::create(path, options.overwrite));
  ExportReport report;
  std::optional<Digest> digest;
  auto archive = std::make_unique<IdentifyingSource>(TRY(open_aci(store, record, report.notes)), digest);
  const auto content =
      TRY(open_compressor(std::move(archive), options.compression.value_or(Compression::kNone)));
  TRY_CTX(write_stream(*content, target.fd()), "writing '{}'", path);
  TRY(target.commit());
  if (!digest) return fail(ErrorKind::kInternal, "the archive was not read to its end");
  report.digest = image_id_of(*digest);
  return report;
}

}  // namespace agena::stage0
