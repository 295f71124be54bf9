#include "stage0/image/layered_import.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "stage0/image/derive_manifest.h"
#include "stage0/image/formats/docker_archive.h"
#include "stage0/image/formats/oci_layout.h"
#include "stage0/image/import_turn.h"
#include "stage0/image/layer_import.h"
#include "stage0/image/layer_merge.h"
#include "stage0/image/local_file.h"
#include "stage0/image/merged_view.h"
#include "stage0/image/render/tar_headers.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

// Sweeps may take a layer away between its commit and the record's; see Store::commit_image.
constexpr int kAttempts = 3;
constexpr std::size_t kMaxPasswd = 4U << 20U;

Result<ImageRecord> make_record(const LayeredImage& image, const std::vector<ShownLayer>& layers,
                                const std::string& origin) {
  std::vector<sys::DirRef> trees;
  for (const ShownLayer& layer : layers) trees.emplace_back(layer.tree);
  const RootFileReader read_file = [&](const std::string& path) {
    return read_merged_file(trees, path, kMaxPasswd);
  };
  ImageRecord record{
      .id = image.id, .format = image.format, .manifest = TRY(derive_manifest(image, read_file))};
  OciFacts facts{.entrypoint = image.config.entrypoint,
                 .cmd = image.config.cmd,
                 .stop_signal = image.config.stop_signal};
  if (image.manifest) facts.manifest_digest = image.manifest->digest;
  if (image.config_document) facts.config_digest = image.config_document->digest;
  record.oci = std::move(facts);
  record.import_time = now();
  if (!origin.empty()) record.origins = {origin};
  for (std::string& name : image.names.fetched_names())
    record.names.push_back({.name = std::move(name), .time = record.import_time});
  std::vector<LayerKey> keys;
  for (const ShownLayer& layer : layers) {
    record.layers.push_back(layer.use);
    keys.push_back(layer.use.key);
  }
  std::ranges::reverse(record.layers);
  std::ranges::reverse(keys);
  record.chain_id = root_chain_id(keys);
  return record;
}

Result<ImageRecord> commit(Store& store, const LayeredImage& image, std::vector<ShownLayer> layers,
                           const std::string& origin) {
  const ImageRecord record = TRY(make_record(image, layers, origin));
  std::vector<Store::Commit> commits;
  for (ShownLayer& layer : layers)
    if (layer.commit) commits.push_back(*std::move(layer.commit));
  TRY(store.commit_layers(std::move(commits)));
  std::vector<Document> documents;
  for (const auto& document : {image.manifest, image.config_document})
    if (document) documents.push_back(*document);
  return store.commit_image(record, documents);
}

// An image without layers gets an empty one, so that every root has something to be made of.
std::vector<LayerInput> with_one_layer(std::vector<LayerInput> layers) {
  if (!layers.empty()) return layers;
  const std::string empty = tar_end();
  layers.push_back({.name = "empty layer",
                    .blob_bytes = empty.size(),
                    .open = [empty]() -> Result<std::unique_ptr<ByteSource>> {
                      return std::make_unique<StringSource>(empty);
                    },
                    .compression = Compression::kNone,
                    .diff_id = hash_of(HashAlgorithm::kSha256, empty)});
  return layers;
}

}  // namespace

Result<ImageRecord> import_layered(Store& store, const LayeredImage& image, const ImportOptions& options,
                                   const ProgressCallback& progress) {
  clear_leftovers(store);
  const Staging work = TRY(store.stage());
  TRY(store.claim(work, TRY(possible_keys(image.layers))));
  for (int attempt = 1;; ++attempt) {
    std::vector<ShownLayer> layers =
        TRY(unpack_layers(store, with_one_layer(image.layers), options, progress));
    TRY(merge_excess_layers(store, layers));
    auto record = commit(store, image, std::move(layers), options.origin);
    if (!record && record.error().kind() == ErrorKind::kNotFound && attempt < kAttempts) {
      log::debug("image: {}; importing it again", record.error().to_string());
      continue;
    }
    if (!record) return record;
    for (std::size_t i = 0; progress && i < image.layers.size(); ++i)
      progress({.index = i,
                .count = image.layers.size(),
                .name = image.layers[i].name,
                .state = LayerProgress::State::kCommitted,
                .done = image.layers[i].blob_bytes,
                .total = image.layers[i].blob_bytes});
    return record;
  }
}

namespace {

// Whether each of the names stands for this image.
Result<bool> holds_names(Store& store, const ImageRecord& record, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::ranges::find(record.names, name, &ImageName::name) == record.names.end()) return false;
    const auto holder = store.find_image(name);
    if (!holder || holder->id != record.id) return false;
  }
  return true;
}

}  // namespace

Result<std::optional<ImageRecord>> reuse_image(Store& store, ImageRecord record,
                                               const std::vector<std::string>& names) {
  if (!TRY(store.is_complete(record))) return std::nullopt;
  if (TRY(holds_names(store, record, names))) return record;
  record.names.clear();
  record.import_time = now();
  for (const std::string& name : names) record.names.push_back({.name = name, .time = record.import_time});
  auto committed = store.commit_image(record);
  if (committed) return *std::move(committed);
  if (committed.error().kind() == ErrorKind::kNotFound) return std::nullopt;
  return std::unexpected(std::move(committed).error());
}

namespace {

// An image as it now stands in the store, and the names that its source gives it.
struct Imported {
  ImageRecord record;
  std::vector<std::string> names;
};

Result<Imported> import_oci_layout(Store& store, const std::string& path, const Reference& reference,
                                   const ImportOptions& options, const ProgressCallback& progress) {
  const auto layout = TRY(OciLayout::open(store, path, options.max_bytes));
  const OciLayout::Selection selection =
      TRY(layout->select(reference.tag, reference.digest, options.platform));
  const std::vector<std::string> names = layout->names_of(selection).fetched_names();
  const std::string digest = selection.manifest.digest.str();
  auto found = TRY(find_or_take_turn(store, digest, path, [&]() -> Result<std::optional<ImageRecord>> {
    auto known = TRY(store.find_by_manifest(selection.manifest.digest));
    if (!known) return std::nullopt;
    return reuse_image(store, *std::move(known), names);
  }));
  if (found.image) return Imported{.record = *std::move(found.image), .names = names};
  const LayeredImage image = TRY(layout->load(selection));
  return Imported{
      .record = TRY_CTX(import_layered(store, image, options, progress), "OCI layout '{}'", printable(path)),
      .names = names};
}

bool is_directory(const std::string& path) {
  struct stat st{};
  return ::stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

// Imports from one file, or knows from the cache what it holds: then the image only gets its names.
template <class Import>
Result<ImageRecord> import_cached(Store& store, const std::string& path, const std::string& selector,
                                  const ImportOptions& options, Import import) {
  const LocalFile file = TRY(open_local_file(path, selector));
  Found found;
  if (options.use_cache && file.key)
    found =
        TRY(find_or_take_turn(store, source_of(*file.key), path, [&]() -> Result<std::optional<ImageRecord>> {
          auto known = TRY(store.find_by_file(*file.key));
          if (!known) return std::nullopt;
          return reuse_image(store, std::move(known->image), known->names);
        }));
  if (found.image) return *std::move(found.image);
  Imported imported = TRY(import());
  TRY(remember_local_file(store, file, imported.record.id, imported.names));
  return std::move(imported.record);
}

}  // namespace

Result<ImageRecord> import_oci(Store& store, const Reference& reference, const ImportOptions& options,
                               const ProgressCallback& progress) {
  auto import = [&] { return import_oci_layout(store, reference.path, reference, options, progress); };
  if (is_directory(reference.path)) return TRY(import()).record;
  const std::string selector =
      fmt::format("oci:{}@{}:{}", reference.tag, reference.digest ? reference.digest->str() : "",
                  to_string(options.platform));
  return import_cached(store, reference.path, selector, options, import);
}

Result<ImageRecord> import_docker_archive(Store& store, const Reference& reference,
                                          const ImportOptions& options, const ProgressCallback& progress) {
  auto import = [&]() -> Result<Imported> {
    const auto archive = TRY(DockerArchive::open(store, reference.path, options.max_bytes));
    const LayeredImage image = TRY(archive->load(reference.tag, reference.index));
    const std::vector<std::string> names = image.names.fetched_names();
    auto known = store.read_image(image.id);
    if (!known && known.error().kind() != ErrorKind::kNotFound) return std::unexpected(known.error());
    if (known)
      if (auto reused = TRY(reuse_image(store, *std::move(known), names)))
        return Imported{.record = *std::move(reused), .names = names};
    return Imported{.record = TRY_CTX(import_layered(store, image, options, progress), "docker archive '{}'",
                                      printable(reference.path)),
                    .names = names};
  };
  const std::string selector =
      fmt::format("docker:{}@{}", reference.tag, reference.index ? std::to_string(*reference.index) : "");
  return import_cached(store, reference.path, selector, options, import);
}

}  // namespace agena::stage0
