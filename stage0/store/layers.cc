#include <fcntl.h>

#include "common/base/cleanup.h"
#include "common/sys/fs.h"
#include "stage0/store/internal.h"
#include "stage0/store/layout.h"
#include "stage0/store/store.h"
#include "stage0/unpack/archive_skeleton.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

std::string layer_path(const LayerKey& key) { return fmt::format("{}/{}", layout::kLayers, key.str()); }
std::string blob_path(const Digest& digest) { return fmt::format("{}/{}", layout::kBlobs, digest.hex()); }

Result<> check_sha256(const Digest& digest) {
  if (digest.algorithm() == "sha256") return {};
  return fail(ErrorKind::kUnsupported, "document '{}': documents are kept by sha256 only", digest.str());
}

}  // namespace

Result<bool> Store::has_layer(const LayerKey& key) const {
  return sys::exists(cas_, layer_path(key) + "/" + layout::kLayerMeta);
}

Result<sys::DirFd> Store::open_layer_fs(const LayerKey& key) const {
  if (!TRY(has_layer(key))) return fail(ErrorKind::kNotFound, "layer '{}' is not in the store", key.str());
  return sys::open_dir(cas_, layer_path(key) + "/" + layout::kLayerFs, O_NOFOLLOW);
}

Result<LayerMeta> Store::layer_meta(const LayerKey& key) const {
  const auto bytes = sys::read_file(cas_, layer_path(key) + "/" + layout::kLayerMeta, kMaxLayerMetaBytes);
  if (!bytes && bytes.error().kind() == ErrorKind::kNotFound)
    return fail(ErrorKind::kNotFound, "layer '{}' is not in the store", key.str());
  if (!bytes) return std::unexpected(bytes.error());
  auto meta = TRY_CTX(layer_meta_from_json(*bytes), "layer '{}'", key.str());
  if (meta.key != key)
    return fail(ErrorKind::kVerification, "layer '{}': its meta is that of '{}'", key.str(), meta.key.str());
  return meta;
}

Result<std::unique_ptr<ByteSource>> Store::open_layer_archive(const LayerKey& key) const {
  const LayerMeta meta = TRY(layer_meta(key));
  auto skeleton = sys::open_at(cas_, layer_path(key) + "/" + layout::kLayerArchive, O_RDONLY | O_NOFOLLOW);
  if (!skeleton && skeleton.error().kind() == ErrorKind::kNotFound)
    return fail(ErrorKind::kNotFound,
                "layer '{}': the exact archive is lost: the layer was unpacked by an older version",
                key.str());
  return TRY_CTX(
      open_skeleton(TRY(std::move(skeleton)), TRY(open_layer_fs(key)), meta.diff_id, meta.archive_bytes),
      "layer '{}'", key.str());
}

Result<> Store::commit_layers(std::vector<Commit> layers) const {
  if (layers.empty()) return {};
  for (const Commit& commit : layers) {
    const std::string meta = TRY(layer_meta_to_json(commit.meta));
    // Nobody could use a layer whose meta cannot be read.
    TRY_CTX(layer_meta_from_json(meta), "layer '{}'", commit.meta.key.str());
    TRY(sys::write_file(commit.layer.staging.dir(), layout::kLayerMeta, meta, 0600));
  }
  TRY_CTX(sys::sync_file_system(cas_.get()), "writing layers to disk");
  const sys::DirFd staging = TRY(sys::open_dir(cas_, layout::kStaging));
  for (const Commit& commit : layers) {
    const std::string path = layer_path(commit.meta.key);
    while (true) {
      auto renamed = sys::rename_new(staging, commit.layer.staging.name(), cas_, path);
      if (renamed) break;
      if (renamed.error().kind() != ErrorKind::kAlreadyExists) return renamed;
      // Another process was faster with the same content; ours goes with its staging directory.
      if (TRY(has_layer(commit.meta.key))) break;
      // What lies there is no layer: a damaged file system lost its meta.
      auto moved = move_to_trash(cas_, path, commit.meta.key.str());
      if (!moved && moved.error().kind() != ErrorKind::kNotFound) return moved;
    }
  }
  return sys::sync_dir(cas_, layout::kLayers);
}

Result<> Store::put_blob(const Digest& digest, std::string_view bytes) const {
  TRY(check_sha256(digest));
  if (hash_of(HashAlgorithm::kSha256, bytes) != digest)
    return fail(ErrorKind::kVerification, "document does not have the digest '{}'", digest.str());
  const std::string path = blob_path(digest);
  // A damaged one is replaced.
  if (const auto present = sys::read_file(cas_, path, bytes.size()); present && *present == bytes) return {};
  const Staging staging = TRY(stage());
  TRY(write_shared_file(cas_, staging, "blob", bytes));
  TRY(sys::rename_at(staging.dir(), "blob", cas_, path));
  return sys::sync_dir(cas_, layout::kBlobs);
}

Result<std::string> Store::read_blob(const Digest& digest) const {
  TRY(check_sha256(digest));
  auto bytes = TRY_CTX(sys::read_file(cas_, blob_path(digest)), "document '{}'", digest.str());
  if (hash_of(HashAlgorithm::kSha256, bytes) != digest)
    return fail(ErrorKind::kVerification, "document '{}' is damaged on disk", digest.str());
  return bytes;
}

}  // namespace agena::stage0
