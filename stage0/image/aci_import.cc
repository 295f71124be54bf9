#include "stage0/image/aci_import.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/rlimit.h"
#include "manifests/codec/image_manifest.h"
#include "stage0/image/import_turn.h"
#include "stage0/image/local_file.h"
#include "stage0/image/progress.h"
#include "stage0/image/render/dependencies.h"
#include "stage0/image/render/merged_archive.h"
#include "stage0/image/unpacked.h"
#include "stage0/unpack/layer_unpacker.h"

namespace agena::stage0 {
namespace {

Result<Unpacked> unpack_aci(const Store& store, ByteSource& source, std::optional<Compression> compression,
                            const std::optional<Digest>& digest = {},
                            std::uint64_t max_bytes = kDefaultMaxUnpackedBytes) {
  UnpackOptions options;
  options.blob_digest = digest;
  options.limits.max_bytes = max_bytes;
  options.kind = ArchiveKind::kAci;
  options.compression = compression;
  return unpack_staged(store, source, std::move(options), "ACI");
}

// The image's own files: in the store, or still to be committed.
struct OwnFiles {
  LayerUse use;
  sys::DirFd tree;
  std::optional<Store::Commit> commit = {};
};

// Renders the image over its dependencies, unless that was done before; adds what is to be committed.
Result<LayerUse> render(const Store& store, const ImageRecord& record, const std::vector<RenderInput>& inputs,
                        const LayerKey& key, OwnFiles& own, std::vector<Store::Commit>& commits) {
  if (TRY(store.has_layer(key))) return LayerUse{.key = key, .size = TRY(store.layer_meta(key)).file_bytes};
  std::vector<MergeInput> parts;
  for (const RenderInput& input : inputs)
    parts.push_back({.tree = parts.empty() ? std::move(own.tree) : TRY(store.open_layer_fs(input.layer)),
                     .rules = input.rules});
  const std::string manifest = TRY(codec::write_image_manifest(record.manifest));
  const auto archive = TRY(open_rendered_aci(std::move(parts), manifest));
  Unpacked rendered = TRY(unpack_aci(store, *archive, Compression::kNone));
  const std::uint64_t size = rendered.result.file_bytes;
  commits.push_back(std::move(rendered).commit(key));
  return LayerUse{.key = key, .size = size};
}

// Completes the record and commits it with the layers that it needs and that are not there yet. `work` claims
// them.
Result<ImageRecord> finish(Store& store, ImageRecord record, OwnFiles own, const Staging& work,
                           const ImageFilter& dependencies) {
  // Rendering opens every image that this one depends on.
  const sys::RaisedFileLimit many_files;
  std::vector<LayerKey> claimed = {own.use.key};
  TRY(store.claim(work, claimed));
  std::vector<Store::Commit> commits;
  record.layers = {own.use};
  record.sources.clear();
  if (needs_rendering(record.manifest)) {
    const auto inputs = TRY(resolve_inputs(store, record.id, record.manifest, own.use.key, dependencies));
    const LayerKey key = TRY(rendered_key(inputs));
    for (const RenderInput& input : inputs) claimed.push_back(input.layer);
    claimed.push_back(key);
    TRY(store.claim(work, claimed));
    record.sources = record.layers;
    record.layers = {
        TRY_CTX(render(store, record, inputs, key, own, commits), "rendering image '{}'", record.id)};
  }
  if (own.commit) commits.push_back(*std::move(own.commit));
  const std::vector<LayerKey> keys = {record.layers.front().key};
  record.chain_id = root_chain_id(keys);
  if (record.import_time == 0) record.import_time = now();
  TRY(store.commit_layers(std::move(commits)));
  return store.commit_image(record);
}

// An image that was imported before. One with dependencies may come out otherwise by now: they are found by
// name.
Result<ImageRecord> reuse(Store& store, const ImageRecord& record, const ImageFilter& dependencies) {
  if (!needs_rendering(record.manifest)) return record;
  if (record.sources.size() != 1)
    return fail(ErrorKind::kInternal, "image '{}' has no layer of its own", record.id);
  const LayerUse own = record.sources.front();
  const auto inputs = TRY(resolve_inputs(store, record.id, record.manifest, own.key, dependencies));
  if (record.layers.size() == 1 && record.layers.front().key == TRY(rendered_key(inputs)) &&
      TRY(store.has_layer(record.layers.front().key)))
    return record;
  const Staging work = TRY(store.stage());
  ImageRecord again = record;
  again.import_time = 0;
  // Nobody vouches for what is rendered over just any image.
  if (!dependencies) again.trust = {};
  return finish(store, std::move(again), {.use = own, .tree = TRY(store.open_layer_fs(own.key))}, work,
                dependencies);
}

Result<ImageTrust> accept(const ImportOptions& options, const std::string& id,
                          const schema::ImageManifest& manifest) {
  return options.accept ? options.accept({.id = id, .manifest = manifest}) : ImageTrust();
}

// An open ACI.
struct AciFile {
  int fd;
  std::uint64_t size;
  std::string name;
};

Result<std::optional<Digest>> verified_digest(const AciFile& file, const ImportOptions& options) {
  if (!options.verify) return std::nullopt;
  FdSource bytes(file.fd, 0, file.size);
  return options.verify(bytes);
}

Result<ImageRecord> import_bytes(Store& store, const AciFile& file, const std::optional<Digest>& digest,
                                 const ImportOptions& options, const ProgressCallback& callback) {
  ProgressReporter reporter(callback);
  const std::atomic<bool> never = false;
  LayerProgress progress{.index = 0,
                         .count = 1,
                         .name = file.name.substr(file.name.rfind('/') + 1),
                         .state = LayerProgress::State::kUnpacking,
                         .done = 0,
                         .total = file.size};
  reporter.report(progress);
  clear_leftovers(store);
  FdSource bytes(file.fd, 0, file.size);
  ReportingSource source(bytes, progress, reporter, never);
  Unpacked unpacked = TRY(unpack_aci(store, source, std::nullopt, digest, options.max_bytes));
  progress.state = LayerProgress::State::kUnpacked;
  reporter.report(progress);

  const UnpackResult& result = unpacked.result;
  auto manifest = TRY(codec::parse_image_manifest(result.aci_manifest));
  TRY(codec::check_platform(manifest.labels));
  ImageRecord record{.id = image_id_of(result.diff_id),
                     .format = ImageFormat::kAci,
                     .manifest = std::move(manifest),
                     .source_size = file.size,
                     .import_time = options.import_time.value_or(0)};
  if (!options.origin.empty()) record.origins = {options.origin};
  for (const std::string& name : options.names) record.names.push_back({.name = name, .time = now()});
  record.trust = TRY(accept(options, record.id, record.manifest));
  OwnFiles own{.use = {.key = LayerKey::of_diff_id(result.diff_id), .size = result.file_bytes},
               .tree = sys::DirFd(TRY(sys::duplicate(unpacked.layer.fs.get())).release())};
  own.commit = std::move(unpacked).commit(own.use.key);
  const Staging work = TRY(store.stage());
  ImageRecord committed = TRY(finish(store, std::move(record), std::move(own), work, options.dependencies));
  progress.state = LayerProgress::State::kCommitted;
  reporter.report(progress);
  return committed;
}

// What a file was imported as, made ready for use; nothing if it has to be read.
Result<std::optional<ImageRecord>> find_imported(Store& store, const Store::FileKey& key,
                                                 const ImportOptions& options) {
  auto known = TRY(store.find_by_file(key));
  if (!known || !TRY(store.is_complete(known->image))) return std::nullopt;
  ImageRecord& image = known->image;
  const ImageTrust trust = TRY(accept(options, image.id, image.manifest));
  const bool is_news = ImageTrust(image.trust).add(trust);
  image.trust = trust;  // of what may be rendered now
  auto reused = reuse(store, image, options.dependencies);
  if (reused && is_news) TRY(store.add_trust(image.id, trust));
  if (reused) return *std::move(reused);
  // It was removed meanwhile, or a dependency is missing: reading the file will tell.
  if (reused.error().kind() == ErrorKind::kNotFound) return std::nullopt;
  return std::unexpected(std::move(reused).error());
}

}  // namespace

Result<ImageRecord> import_aci(Store& store, const std::string& path, const ImportOptions& options,
                               const ProgressCallback& progress) {
  auto import = [&]() -> Result<ImageRecord> {
    LocalFile local = TRY(open_local_file(path, ""));
    if (options.opened) TRY(options.opened(local.path));
    const AciFile file{.fd = local.fd.get(), .size = local.size, .name = local.path};
    const auto digest = TRY(verified_digest(file, options));
    // Of verified bytes the digest decides, not time stamps, which can be set back.
    if (digest && local.key) local.key->selector = digest->str();
    Found found;
    if (options.use_cache && local.key)
      found = TRY(find_or_take_turn(store, source_of(*local.key), local.path,
                                    [&] { return find_imported(store, *local.key, options); }));
    if (found.image) return *std::move(found.image);
    ImageRecord record = TRY(import_bytes(store, file, digest, options, progress));
    TRY(remember_local_file(store, local, record.id));
    return record;
  };
  return TRY_CTX(import(), "ACI '{}'", printable(path));
}

Result<ImageRecord> refresh_aci(Store& store, const ImageRecord& record, const ImageFilter& dependencies) {
  return reuse(store, record, dependencies);
}

Result<ImageRecord> import_open_aci(Store& store, int fd, std::uint64_t size, const std::string& name,
                                    const ImportOptions& options, const ProgressCallback& progress) {
  const AciFile file{.fd = fd, .size = size, .name = name};
  auto import = [&]() -> Result<ImageRecord> {
    return import_bytes(store, file, TRY(verified_digest(file, options)), options, progress);
  };
  return TRY_CTX(import(), "ACI '{}'", printable(name));
}

}  // namespace agena::stage0
