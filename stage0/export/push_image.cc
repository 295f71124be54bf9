#include "stage0/export/push_image.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/sys/fs.h"
#include "stage0/export/compressor.h"
#include "stage0/export/layered_export.h"
#include "stage0/export/oci_config.h"
#include "stage0/export/target_file.h"
#include "stage0/export/tee_hash.h"
#include "stage0/image/formats/oci_documents.h"
#include "stage0/registry/push.h"
#include "stage0/store/docker_name.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

// Where files for work in progress go: on the store's file system, which is made for this much data. They
// have no names.
Result<sys::UniqueFd> open_scratch(const Store& store) {
  return open_spool(TRY(sys::open_dir(store.data(), ".")));
}

class ImagePush {
 public:
  ImagePush(const Store& store, RegistryClient& registry, const LayeredExport& image, std::string mount_from,
            std::optional<Compression> compression, const ProgressCallback& progress)
      : store_(store),
        registry_(registry),
        image_(image),
        mount_from_(std::move(mount_from)),
        compression_(compression),
        progress_(progress) {}

  Result<Digest> run(const std::string& tag) {
    const auto originals = original_layers();
    std::vector<WrittenLayer> layers;
    for (std::size_t i = 0; i < image_.layers.size(); ++i) {
      auto layer = originals.empty() ? std::nullopt : TRY(take_original(i, originals[i]));
      layers.push_back(layer ? *std::move(layer) : TRY(send(i)));
    }
    const std::string config = TRY(config_of(layers));
    const Written config_blob = TRY(send_text(config));
    const bool same = image_.manifest && manifest_lists(*image_.manifest, config_blob, layers);
    const std::string manifest = same ? *image_.manifest : TRY(make_oci_manifest(config_blob, layers));
    TRY(push_manifest(registry_, tag, manifest_type(manifest), manifest));
    return hash_of(HashAlgorithm::kSha256, manifest);
  }

 private:
  // What the image's own manifest says of its layers; empty if it does not fit, or another compression is
  // asked for.
  std::vector<OciDescriptor> original_layers() const {
    if (!image_.manifest || compression_) return {};
    auto manifest = parse_oci_manifest(*image_.manifest);
    if (!manifest || manifest->layers.size() != image_.layers.size()) return {};
    const bool exact =
        std::ranges::all_of(image_.layers, [](const auto& one) { return one.diff_id.has_value(); });
    return exact ? std::move(manifest->layers) : std::vector<OciDescriptor>{};
  }

  void report(std::size_t i, const std::string& name, LayerProgress::State state, std::uint64_t done,
              std::uint64_t total) const {
    if (progress_)
      progress_({.index = i,
                 .count = image_.layers.size(),
                 .name = name,
                 .state = state,
                 .done = done,
                 .total = total});
  }

  Result<std::optional<WrittenLayer>> take_original(std::size_t i, const OciDescriptor& original) {
    const auto compression = compression_of_media_type(original.media_type);
    if (!compression || !TRY(find_or_mount_blob(registry_, original.digest, mount_from_)))
      return std::nullopt;
    report(i, original.digest.str(), LayerProgress::State::kPresent, original.size, original.size);
    return WrittenLayer{.blob = {.digest = original.digest, .bytes = original.size},
                        .compression = *compression,
                        .diff_id = *image_.layers[i].diff_id};
  }

  // Compresses a layer to a file first: a registry is asked for a blob by its digest.
  Result<WrittenLayer> send(std::size_t i) {
    const Compression compression = compression_.value_or(Compression::kGzip);
    const std::string name = image_.layers[i].diff_id ? image_.layers[i].diff_id->str() : "layer";
    report(i, name, LayerProgress::State::kWaiting, 0, 0);
    std::optional<Digest> diff_id;
    auto archive = std::make_unique<TeeHash>(TRY(image_.layers[i].open()), HashAlgorithm::kSha256, diff_id);
    const auto content = TRY(open_compressor(std::move(archive), compression));
    const sys::UniqueFd scratch = TRY(open_scratch(store_));
    const Written blob = TRY(write_stream(*content, scratch.get()));
    const auto open = [&]() -> Result<std::unique_ptr<ByteSource>> {
      return std::make_unique<FdSource>(scratch.get(), 0, blob.bytes);
    };
    const PushedBlob pushed = TRY(push_blob(
        registry_, {.digest = blob.digest, .size = blob.bytes, .open = open, .mount_from = mount_from_},
        [&](std::uint64_t sent) {
          report(i, blob.digest.str(), LayerProgress::State::kSending, sent, blob.bytes);
        }));
    report(
        i, blob.digest.str(),
        pushed == PushedBlob::kUploaded ? LayerProgress::State::kCommitted : LayerProgress::State::kPresent,
        blob.bytes, blob.bytes);
    return WrittenLayer{.blob = blob, .compression = compression, .diff_id = *diff_id};
  }

  Result<std::string> config_of(const std::vector<WrittenLayer>& layers) const {
    std::vector<Digest> diff_ids;
    for (const WrittenLayer& layer : layers) diff_ids.push_back(layer.diff_id);
    return config_with_layers(image_.config, diff_ids, {});
  }

  Result<Written> send_text(const std::string& text) {
    const Digest digest = hash_of(HashAlgorithm::kSha256, text);
    (void)TRY(push_blob(registry_, {.digest = digest,
                                    .size = text.size(),
                                    .open = [&]() -> Result<std::unique_ptr<ByteSource>> {
                                      return std::make_unique<StringSource>(text);
                                    },
                                    .mount_from = mount_from_}));
    return Written{.digest = digest, .bytes = text.size()};
  }

  const Store& store_;
  RegistryClient& registry_;
  const LayeredExport& image_;
  std::string mount_from_;
  std::optional<Compression> compression_;
  const ProgressCallback& progress_;
};

// Another repository of the same registry that the image came from, or empty.
std::string repository_to_mount_from(const LayeredExport& image, const PushTarget& target) {
  for (const std::string& name : image.names)
    if (const auto parsed = parse_docker_name(name);
        parsed && parsed->domain == target.domain && parsed->repository != target.repository)
      return parsed->repository;
  return {};
}

}  // namespace

Result<PushReport> push_image(const Store& store, const ImageRecord& record, const PushTarget& target,
                              std::optional<Compression> compression, RegistryAccess& access,
                              const ProgressCallback& progress) {
  const LayeredExport image = TRY(layered_export(store, record));
  const auto registry = access.connect(TRY(access.endpoint(target.domain, target.repository)));
  ImagePush push(store, *registry, image, repository_to_mount_from(image, target), compression, progress);
  const Digest digest = TRY(push.run(target.tag));
  return PushReport{.digest = digest, .notes = *image.notes};
}

}  // namespace agena::stage0
