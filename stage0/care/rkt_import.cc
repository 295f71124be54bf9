#include "stage0/care/rkt_import.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/sys/fs.h"
#include "manifests/codec/image_manifest.h"
#include "stage0/image/usage.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kMaxManifest = 4U << 20U;

struct OutcomeRow {
  RktImage::Outcome value;
  std::string_view name;
};
constexpr std::array kOutcomes = {OutcomeRow{.value = RktImage::Outcome::kFailed, .name = "failed"},
                                  OutcomeRow{.value = RktImage::Outcome::kImported, .name = "imported"},
                                  OutcomeRow{.value = RktImage::Outcome::kPresent, .name = "present"}};

// A blob of rkt's store.
struct Blob {
  std::string key;
  std::string path;  // relative to cas: "blob/sha512/01/sha512-0123…"
  Nanoseconds time = 0;
  std::optional<schema::ImageManifest> manifest = {};  // as rkt's copy says; only for the order
};

std::string path_in(const char* kind, const std::string& key) {
  constexpr std::size_t kFirstDigit = 7;  // behind "sha512-"
  return fmt::format("{}/sha512/{}/{}", kind, key.substr(kFirstDigit, 2), key);
}

// DIR/cas, or DIR itself.
Result<sys::DirFd> open_cas(const std::string& directory) {
  const sys::DirFd top = TRY(sys::open_dir(directory));
  for (const char* place : {".", "cas"})
    if (TRY(sys::exists(top, fmt::format("{}/blob/sha512", place)))) return sys::open_dir(top, place);
  return fail(ErrorKind::kNotFound, "no store of rkt in '{}': it has no directory blob/sha512",
              printable(directory));
}

class RktStore {
 public:
  explicit RktStore(sys::DirFd cas) : cas_(std::move(cas)) {}

  // Finds all blobs; names that are no keys are told in `strange`.
  Result<> scan(std::vector<RktImage>& strange) {
    for (const std::string& prefix : TRY(sys::list_dir(cas_, "blob/sha512")))
      for (const std::string& name : TRY(sys::list_dir(cas_, "blob/sha512/" + prefix))) {
        if (!is_image_id(name) || path_in("blob", name) != fmt::format("blob/sha512/{}/{}", prefix, name)) {
          strange.push_back({.id = prefix + "/" + name,
                             .name = {},
                             .error = Error(ErrorKind::kInvalidInput, "it is not named by an image id")});
          continue;
        }
        Blob blob{.key = name, .path = path_in("blob", name)};
        blob.time = sys::mtime_of(TRY(sys::stat_at(cas_, blob.path)));
        blob.manifest = read_manifest(name);
        blobs_.push_back(std::move(blob));
      }
    // By age, so that of several images of one name the newest comes last.
    std::ranges::sort(blobs_, {}, &Blob::time);
    return {};
  }

  // What an image depends on comes before it; a ring is broken somewhere, and its import will say so.
  std::vector<const Blob*> in_order() const {
    std::vector<const Blob*> order;
    std::vector<bool> visited(blobs_.size());
    for (std::size_t i = 0; i < blobs_.size(); ++i) visit(i, visited, order);
    return order;
  }

  const sys::DirFd& cas() const { return cas_; }

 private:
  std::optional<schema::ImageManifest> read_manifest(const std::string& key) const {
    const auto text = sys::read_file(cas_, path_in("imageManifest", key), kMaxManifest);
    if (!text) return std::nullopt;
    auto manifest = codec::parse_image_manifest(*text);
    if (!manifest) return std::nullopt;
    return *std::move(manifest);
  }

  void visit(std::size_t i, std::vector<bool>& visited, std::vector<const Blob*>& order) const {
    if (visited[i]) return;
    visited[i] = true;
    if (blobs_[i].manifest)
      for (const schema::Dependency& dependency : blobs_[i].manifest->dependencies)
        for (std::size_t j = 0; j < blobs_.size(); ++j)
          if (blobs_[j].manifest && blobs_[j].manifest->name == dependency.image_name)
            visit(j, visited, order);
    order.push_back(&blobs_[i]);
  }

  sys::DirFd cas_;
  std::vector<Blob> blobs_;
};

Result<ImageRecord> import_blob(Store& store, const sys::DirFd& cas, const Blob& blob,
                                const ProgressCallback& progress) {
  // Non-blocking: whatever else lies there must not hold us up.
  const sys::UniqueFd file = TRY(sys::open_at(cas, blob.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat st{};
  if (::fstat(file.get(), &st) != 0) return sys_fail("reading attributes of '{}'", blob.path);
  if (!S_ISREG(st.st_mode)) return fail(ErrorKind::kInvalidInput, "it is not a regular file");
  ImportOptions options;
  options.use_cache = false;
  options.import_time = blob.time;
  options.origin = TRY(sys::path_of_fd(file.get()));
  options.accept = [&](const AciCandidate& candidate) -> Result<ImageTrust> {
    if (candidate.id == blob.key) return ImageTrust();
    return fail(ErrorKind::kVerification, "it is damaged: its content has the image id '{}'", candidate.id);
  };
  return import_open_aci(store, file.get(), static_cast<std::uint64_t>(st.st_size), blob.key, options,
                         progress);
}

RktImage take_over(Store& store, const sys::DirFd& cas, const Blob& blob, const ProgressCallback& progress) {
  RktImage image{.id = blob.key, .name = {}};
  auto take = [&]() -> Result<ImageRecord> {
    auto present = store.read_image(blob.key);
    if (present && TRY(store.is_complete(*present))) {
      image.outcome = RktImage::Outcome::kPresent;
      return present;
    }
    if (!present && present.error().kind() != ErrorKind::kNotFound) return present;
    auto imported = import_blob(store, cas, blob, progress);
    if (imported) image.outcome = RktImage::Outcome::kImported;
    return imported;
  };
  const auto record = take();
  if (record) {
    image.name = manifest_name(*record);
    return image;
  }
  image.outcome = RktImage::Outcome::kFailed;
  image.error = record.error();
  if (blob.manifest) image.name = blob.manifest->name.str();
  return image;
}

}  // namespace

std::string_view to_string(RktImage::Outcome outcome) { return row_for(kOutcomes, outcome).name; }

Result<std::vector<RktImage>> import_rkt_store(Store& store, const std::string& directory,
                                               const std::function<void(const RktImage&)>& tell,
                                               const ProgressCallback& progress) {
  RktStore rkt(TRY(open_cas(directory)));
  std::vector<RktImage> images;
  TRY(rkt.scan(images));
  for (const RktImage& strange : images) tell(strange);
  for (const Blob* blob : rkt.in_order()) {
    images.push_back(take_over(store, rkt.cas(), *blob, progress));
    tell(images.back());
  }
  return images;
}

}  // namespace agena::stage0
