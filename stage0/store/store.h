// The store of images: layers, documents and records below DATA/cas, shared by any number of processes.
//
//   DATA/cas/blobs/sha256/<hex>      exact bytes of OCI manifests and configs
//   DATA/cas/layers/<key>/{fs,record,archive,meta}  unpacked layer in overlayfs form, what it must look like,
//                                    what else its archive held, and facts; without `meta` the layer does not
//                                    exist
//   DATA/cas/images/<image id>       records (image_record.h), the truth about which images there are; the
//                                    modification time of the file is the image's time of last use
//   DATA/cas/partial/<hex>           beginnings of downloads (partials.h)
//   DATA/cas/remotes/<hex>           what is known of URLs (remotes.h)
//   DATA/cas/staging/<name>/         work in progress, each flock-held by its writer
//   DATA/cas/trash/<name>            renamed away, waiting to be deleted
//   DATA/cas/index.db                SQLite cache of the records (index.h); index.lock guards its replacement
//   DATA/locks/prepareLock           flock: shared while a pod's layer references are being written, while
//                                    layers are claimed and while a record is committed, exclusive while a
//                                    sweep renames layers away
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

// Which of several images may be found; unset: any.
using ImageFilter = std::function<bool(const ImageRecord&)>;

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

// What a sweep took out of sight, or would have.
struct SweepReport {
  std::vector<std::string> images;  // ids of images that were forgotten
  std::uint64_t layers = 0;
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;  // file content of these layers, and these documents
  bool deferred = false;    // bytes are still on disk: somebody imports, and deleting would slow that down
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
  // - sha512-PREFIX, at least two digits: "image ID too short", "no image IDs found", "ambiguous image ID";
  // - sha256:DIGEST of the manifest or the config, 12 digits or more;
  // - NAME@sha256:DIGEST, the whole digest of the manifest of an image that was fetched from there, or has a
  //   name in that repository;
  // - a name that it was fetched by or tagged with, as in ImageRecord::names, or short for it;
  // - name[:version][,label=value…], by appc name and labels.
  // "docker://" before a name may be there. A URL ("http://…", "https://…") is a name as a whole, whatever it
  // has in it. Several images of one name: the one that got it last. kNotFound
  // if there is none. Of those that a name stands for the first that suits; ids and digests are not asked
  // about.
  Result<ImageRecord> find_image(std::string_view text, const ImageFilter& suits = {});
  // The newest image with this appc name and at least these labels that suits; kNotFound if there is none.
  Result<ImageRecord> find_app_image(const schema::AcIdentifier& name, const schema::Labels& labels,
                                     const ImageFilter& suits = {});
  // The image with this full id; kNotFound if there is none.
  Result<ImageRecord> read_image(const std::string& id) const;
  // All images, oldest import first. A record that cannot be read is left out and told in `broken` if given.
  Result<std::vector<ImageRecord>> list_images(ErrorList* broken = nullptr) const;
  // Notes that the image is being used now: sets its record's time stamp, at most once a minute, without
  // sync. Nothing is to be noted if the image is gone.
  Result<> touch_last_used(const std::string& id) const;
  // Makes the image visible, under the shared prepareLock: all its layers and blobs must be committed
  // (kNotFound names the missing one: import again). An image that is there already keeps its names and gets
  // the new ones, and those who vouch for it if its layers are the same. Other images lose them, but for
  // names with a digest; one that another image got meanwhile, at a later time, stays there. Documents are
  // stored under the same lock, so that no sweep comes between. Returns the record as it now stands.
  Result<ImageRecord> commit_image(const ImageRecord& record, std::span<const Document> documents = {});
  // Removes the record; layers stay until a sweep. kNotFound if there is none. With `names`: only if it has
  // these still; kBusy if it has got or lost one.
  Result<> remove_image(const std::string& id, const std::vector<ImageName>* names = nullptr);
  // Gives an image a further name, which from now on stands for it and for no other. The record as it now is.
  Result<ImageRecord> add_name(const std::string& id, const std::string& name);
  // Notes who vouches for an image, beside those who do already.
  Result<> add_trust(const std::string& id, const ImageTrust& trust);
  // Takes a name (as in ImageRecord::names) from all images that hold it, or from those that got it at
  // `until` or before; returns their ids.
  Result<std::vector<std::string>> remove_name(const std::string& name,
                                               std::optional<Nanoseconds> until = {});
  // The images that hold a name (as in ImageRecord::names), the one that it stands for first. Several hold a
  // name with a digest, which may be that of an index: images for different platforms.
  Result<std::vector<ImageRecord>> holders_of(const std::string& name);
  // The image that has this manifest.
  Result<std::optional<ImageRecord>> find_by_manifest(const Digest& manifest);
  // The name under which find_image() finds by this text: one of ImageRecord::names. nullopt if it finds by
  // id, digest or appc name, or finds nothing.
  Result<std::optional<std::string>> fetched_name(std::string_view text);
  // Whether all layers and documents of the image are there; says nothing of their content.
  Result<bool> is_complete(const ImageRecord& record) const;
  // Walks all layers of an image and compares content and attributes with the digests taken when they were
  // unpacked.
  Result<std::vector<LayerVerdict>> verify_image(const ImageRecord& record) const;
  // The same for one layer, and for the documents (digests of those that are missing or damaged).
  Result<LayerVerdict> verify_layer(const LayerKey& key) const;
  Result<std::vector<Digest>> damaged_documents(const ImageRecord& record) const;

  // --- layers (thread-safe) ---

  // A new staging directory.
  Result<Staging> stage() const;
  // Notes which layers the work in a staging directory counts on (instead of those of the call before), under
  // the shared prepareLock: those that has_layer() finds from now on no sweep takes until the work is done.
  Result<> claim(const Staging& work, std::span<const LayerKey> keys) const;
  // Keeps sweeps away from layers, there or not, for as long as the result lives; for readers, also of a
  // store that is open for reading. Empty where nothing can be written, and so nothing swept.
  Result<std::optional<Staging>> hold_layers(std::span<const LayerKey> keys) const;
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

  // --- documents (thread-safe) ---

  // Stores bytes under their digest, which must hold (kVerification); sha256 only. Durable on return.
  Result<> put_blob(const Digest& digest, std::string_view bytes) const;
  Result<std::string> read_blob(const Digest& digest) const;

  // --- cleaning ---

  // Keys that the caller's pods use, asked for while the exclusive prepareLock is held.
  using UsedLayers = std::function<Result<std::set<LayerKey>>()>;
  struct Sweep {
    UsedLayers used_by_pods;
    // Chooses images to forget first, out of all there are; asked for under the lock as well. Empty: none.
    std::function<Result<std::vector<std::string>>(const std::vector<ImageRecord>&)> choose_images = {};
    bool dry_run = false;  // only reports
  };
  // Moves layers and documents that no record, no pod and no import in progress uses to the trash, under the
  // exclusive prepareLock; then deletes the trash without the lock (delete_trash()).
  Result<SweepReport> sweep(const Sweep& sweep);
  Result<SweepReport> sweep_layers(const UsedLayers& used_by_pods) {
    return this->sweep({.used_by_pods = used_by_pods});
  }
  // Deletes what lies in the trash and the staging directories of dead processes, at the lowest priority.
  // Others' deletions in progress are left to them. False if it is left to a later call: creating files where
  // many were just deleted is slow (ext4), so nothing is deleted while somebody imports and the disk has
  // room.
  Result<bool> delete_trash() const;
  // Deletes all of it, whoever imports.
  Result<> empty_trash() const;
  // Before an import: makes the dead staging directories trash, and deletes that only if the disk is nearly
  // full.
  Result<> tidy() const;
  // Names of all layers that there are, used or not.
  Result<std::vector<LayerKey>> list_layers() const;

  // --- repair ---

  // A damaged layer or document that was taken out of sight for a moment: put_back() makes it visible again,
  // unless another took its place; otherwise it is gone with this object. If the process is killed, the next
  // tidy() puts it back.
  class SetAside {
   public:
    Result<> put_back() &&;

   private:
    friend class Store;
    SetAside(Staging staging, std::vector<std::string> paths, sys::DirFd cas)
        : staging_(std::move(staging)), paths_(std::move(paths)), cas_(std::move(cas)) {}
    Staging staging_;
    std::vector<std::string> paths_;  // relative to cas; n-th is "n" in the staging directory
    sys::DirFd cas_;
  };
  // Takes layers and documents out of sight, under the exclusive prepareLock, where `check` is asked first
  // (its error ends all: a pod may use one of them). What is not there is skipped.
  Result<SetAside> set_aside(std::span<const LayerKey> layers, std::span<const Digest> documents,
                             const std::function<Result<>()>& check) const;

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
  // Image that the file was imported as, if that image is still there, and the names that the file gives it:
  // others may have them by now.
  struct FileImage {
    ImageRecord image;
    std::vector<std::string> names;
  };
  Result<std::optional<FileImage>> find_by_file(const FileKey& key);
  Result<> remember_file(const FileKey& key, const std::string& id,
                         const std::vector<std::string>& names = {});

 private:
  Store();
  Result<Index*> index();
  Result<ImageRecord> find_by_id(const std::string& prefix);
  Result<ImageRecord> find_by_name(const std::string& name, const ImageFilter& suits);
  Result<ImageRecord> find_by_digest(std::string_view prefix);
  Result<ImageRecord> find_by_name_and_digest(std::string_view name, std::string_view digest);
  Result<> check_complete(const ImageRecord& record) const;
  Result<> replace_record(const Staging& staging, const ImageRecord& record);
  Result<> take_name(const std::string& name, const std::string& keeper, Nanoseconds until,
                     const Staging& staging, std::vector<ImageRecord>& changed);
  Result<std::vector<ImageName>> names_to_get(const ImageRecord& record);
  Result<> remove_records(const std::vector<std::string>& ids);
  Result<> bury_dead_staging() const;
  Result<Staging> make_staging() const;

  Mode mode_ = Mode::kReadOnly;
  std::string path_;
  sys::DirFd data_;
  sys::DirFd cas_;
  std::unique_ptr<Index> index_;
};

}  // namespace agena::stage0
