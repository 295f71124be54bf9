// The store of images: layers, documents and records below DATA/cas, shared by any number of processes.
//
//   DATA/cas/blobs/sha256/<hex>      exact bytes of OCI manifests and configs
//   DATA/cas/layers/<key>/{fs,record,archive,meta}  unpacked layer in overlayfs form, what it must look like,
//                                    what else its archive held, and facts; without `meta` the layer does not
//                                    exist
//   DATA/cas/images/<image id>       records (image_record.h), the truth about which images there are; the
//                                    modification time of the file is the image's time of last use
//   DATA/cas/staging/<name>/         work in progress, each flock-held by its writer
//   DATA/cas/trash/<name>            renamed away, waiting to be deleted
//   DATA/cas/index.db                SQLite cache of the records (index.h); index.lock guards its replacement
//   DATA/locks/prepareLock           flock: shared while a pod's layer references are being written and while
//   a
//                                    record is committed, exclusive while a sweep renames layers away
//
// Every change becomes visible by one rename, after its data is on disk; a process may be killed at any
// instant. A Store is for one thread; const members and those named thread-safe may be called from several.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "common/sys/lock.h"
#include "stage0/store/image_record.h"
#include "stage0/store/layer_key.h"

namespace agena::stage0 {

class ByteSource;
class Index;

// What `meta` says of a committed layer: JSON, "version": 1.
struct LayerMeta {
  LayerKey key;
  // Digest of the uncompressed archive that it was unpacked from.
  Digest diff_id;
  std::uint64_t archive_bytes = 0;  // length of that archive
  std::uint64_t file_bytes = 0;     // bytes of file content
  std::uint64_t entries = 0;
  // Of the tree record beside it, which verifying compares the tree with.
  Digest record_digest;
  // Of the archive's skeleton beside it, if there is a complete one.
  std::optional<Digest> skeleton_digest = {};
  // What matters when the layer is put over others; see stage0/unpack/layer_unpacker.h.
  std::vector<std::string> implied_directories = {};
  bool root_opaque = false;
  bool root_entry = false;
  bool operator==(const LayerMeta&) const = default;
};
Result<std::string> layer_meta_to_json(const LayerMeta& meta);
Result<LayerMeta> layer_meta_from_json(std::string_view bytes);

// A directory below cas/staging, held by a lock until it is committed or dropped; the destructor removes what
// is left. Several threads may each use their own.
class Staging {
 public:
  Staging(Staging&&) noexcept = default;
  Staging& operator=(Staging&& other) noexcept;
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging();

  const sys::DirFd& dir() const { return dir_; }
  const std::string& name() const { return name_; }
  // Writes which layers this work counts on, so that a sweep spares them until it is done. Call it before
  // has_layer(); commit_image() still checks.
  Result<> claim(std::span<const LayerKey> keys) const;

 private:
  friend class Store;
  Staging(std::string name, sys::DirFd parent, sys::DirFd dir)
      : name_(std::move(name)), parent_(std::move(parent)), dir_(std::move(dir)) {}
  void drop() noexcept;
  std::string name_;
  sys::DirFd parent_;
  sys::DirFd dir_;
};

// A layer being unpacked, in a staging directory of its own.
struct StagedLayer {
  Staging staging;
  sys::DirFd fs;           // `fs`, an empty directory, root:root 0755
  sys::UniqueFd record;    // `record`, an empty file for the tree record
  sys::UniqueFd skeleton;  // `archive`, an empty file for the archive's skeleton
};

// What verifying found for one layer.
struct LayerVerdict {
  enum class State { kIntact, kMissing, kCorrupt };
  LayerKey key;
  State state = State::kIntact;
  std::string detail;  // why, unless intact
};

// A document to be kept: exact bytes and their SHA-256.
struct Document {
  Digest digest;
  std::string bytes;
};

struct SweepReport {
  std::uint64_t layers = 0;
  std::uint64_t blobs = 0;
};

class Store {
 public:
  enum class Mode {
    kReadOnly,   // nothing is created; a store that is not there has no images
    kReadWrite,  // makes the tree below data_dir (the directory included)
  };
  // Opens the store below an absolute path. Directories get rkt's modes (2750, 2770) and
  // the group of the data directory (data_dir.h). Opening does not open the index; the first lookup that
  // needs it does.
  static Result<Store> open(const std::string& data_dir, Mode mode);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  // The data directory.
  const sys::DirFd& data() const { return data_; }

  // Waits for prepareLock. A pod's maker takes it shared before it finds images, and drops it when the pod's
  // `layers` file is written: until then a sweep could take the layers away.
  Result<sys::FileLock> lock_prepare(sys::LockMode mode) const;
  // The same for a limited time; kBusy when it has passed.
  Result<sys::FileLock> lock_prepare_at_most(sys::LockMode mode, Nanoseconds at_most) const;

  // --- images ---

  // Finds one image by (tried in this order):
  //   sha512-PREFIX        at least two digits: "image ID too short", "no image IDs found", "ambiguous image
  //   ID" sha256:DIGEST        of the manifest or the config (12 digits or more) a name that it was fetched
  //   by, as in ImageRecord::names name[:version][,label=value…]  by appc name and labels
  // Several images of one name: the one that got it last. kNotFound if there is none.
  Result<ImageRecord> find_image(std::string_view text);
  // The newest image with this appc name and at least these labels; kNotFound if there is none.
  Result<ImageRecord> find_app_image(const schema::AcIdentifier& name, const schema::Labels& labels);
  // The image with this full id; kNotFound if there is none.
  Result<ImageRecord> read_image(const std::string& id) const;
  // All images, oldest import first. A record that cannot be read is left out and told in `broken` if given.
  Result<std::vector<ImageRecord>> list_images(ErrorList* broken = nullptr) const;
  // Notes that the image is being used now: sets its record's time stamp, at most once a minute, without
  // sync. Nothing is to be noted if the image is gone.
  Result<> touch_last_used(const std::string& id) const;
  // Makes the image visible, under the shared prepareLock: all its layers and blobs must be committed
  // (kNotFound names the missing one: import again). An image that is there already keeps its names and gets
  // the new ones. Documents are stored under the same lock, so that no sweep comes between. Returns the
  // record as it now stands.
  Result<ImageRecord> commit_image(const ImageRecord& record, std::span<const Document> documents = {});
  // Removes the record; layers stay until a sweep. kNotFound if there is none.
  Result<> remove_image(const std::string& id);
  // Walks all layers of an image and compares content and attributes with the digests taken when they were
  // unpacked.
  Result<std::vector<LayerVerdict>> verify_image(const ImageRecord& record) const;

  // --- layers (thread-safe) ---

  // A new staging directory.
  Result<Staging> stage() const;
  Result<StagedLayer> stage_layer() const;
  Result<bool> has_layer(const LayerKey& key) const;
  // The unpacked tree of a committed layer, for overlay's lowerdir+; kNotFound if there is none.
  Result<sys::DirFd> open_layer_fs(const LayerKey& key) const;
  Result<LayerMeta> layer_meta(const LayerKey& key) const;
  // The exact archive that a committed layer was unpacked from, made of the layer. Its digest is the meta's
  // diff_id, which is checked where it ends: what is read counts only once all is read. kNotFound if it
  // cannot be had: the layer is older than skeletons, or something in the archive replaced what came before.
  Result<std::unique_ptr<ByteSource>> open_layer_archive(const LayerKey& key) const;
  // A finished layer and what its meta shall say.
  struct Commit {
    StagedLayer layer;
    LayerMeta meta;
  };
  // Makes finished layers visible: metas, one syncfs for all, a rename each, one fsync of the directory. A
  // layer that somebody else committed meanwhile is dropped and counts as success.
  Result<> commit_layers(std::vector<Commit> layers) const;
  Result<> commit_layer(Commit layer) const;

  // --- documents (thread-safe) ---

  // Stores bytes under their digest, which must hold (kVerification); sha256 only. Durable on return.
  Result<> put_blob(const Digest& digest, std::string_view bytes) const;
  Result<std::string> read_blob(const Digest& digest) const;

  // --- cleaning ---

  // Keys that the caller's pods use, asked for while the exclusive prepareLock is held.
  using UsedLayers = std::function<Result<std::set<LayerKey>>()>;
  // Moves layers and documents that no record, no pod and no import in progress uses to the trash, under the
  // exclusive prepareLock; then deletes the trash without the lock.
  Result<SweepReport> sweep_layers(const UsedLayers& used_by_pods);
  // Deletes what lies in the trash and the staging directories of dead processes. Others' deletions in
  // progress are left to them.
  Result<> empty_trash() const;
  // Makes the index anew from the records.
  Result<> reindex();

  // --- file cache ---

  // Identity of an unchanged local file: where it is, which it is, and what part of it is meant.
  struct FileKey {
    std::string path;      // absolute
    std::string selector;  // tag, digest or archive reference; empty for ACIs
    std::uint64_t dev = 0;
    std::uint64_t ino = 0;
    std::uint64_t size = 0;
    std::int64_t mtime = 0;  // nanoseconds
    std::int64_t ctime = 0;
    bool operator==(const FileKey&) const = default;
  };
  // Key of an open file; nullopt if it changed a moment ago: time stamps are too coarse to tell the next
  // change.
  static Result<std::optional<FileKey>> file_key(const std::string& path, int fd, std::string selector);
  // Image that the file was imported as, if that image is still there.
  Result<std::optional<ImageRecord>> find_by_file(const FileKey& key);
  Result<> remember_file(const FileKey& key, const std::string& id);

 private:
  Store();
  Result<Index*> index();
  Result<ImageRecord> find_by_id(const std::string& prefix);
  Result<ImageRecord> find_by_digest(std::string_view prefix);
  Result<> check_complete(const ImageRecord& record) const;

  Mode mode_ = Mode::kReadOnly;
  std::string path_;
  sys::DirFd data_;
  sys::DirFd cas_;
  std::unique_ptr<Index> index_;
};

}  // namespace agena::stage0
