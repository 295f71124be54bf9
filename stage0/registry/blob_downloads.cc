#include "stage0/registry/blob_downloads.h"

#include <algorithm>
#include <atomic>

#include "common/base/log.h"
#include "stage0/image/layer_import.h"
#include "stage0/unpack/hash.h"

namespace agena::stage0 {
namespace {

// Smaller ones are sooner downloaded again than looked after.
constexpr std::uint64_t kWorthKeeping = 64U << 10U;
// Each holds two descriptors: the file and its directory.
constexpr std::size_t kMostParts = 256;
constexpr std::size_t kBuffer = 256U << 10U;

}  // namespace

struct BlobDownloads::Part {
  PartialFile file;
  Digest digest;
  std::uint64_t size;
  std::atomic<bool> in_use = false;
  std::atomic<bool> dubious = false;  // a reader has stopped in the middle of it
};

// Reads the partial file, then the network, writing what comes to the partial file.
class BlobDownloads::Source : public ByteSource {
 public:
  Source(std::shared_ptr<Part> part, std::unique_ptr<ResumingSource> rest)
      : part_(std::move(part)), rest_(std::move(rest)), kept_(part_->file.size()) {}
  ~Source() override {
    // Stopped by its reader and not by the network: perhaps because of what it has read.
    if (!failed_ && at_ < part_->size) part_->dubious = true;
    part_->in_use = false;
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  Result<std::size_t> read(std::span<char> buffer) override {
    if (at_ < kept_) {
      FdSource file(part_->file.fd(), at_, std::min<std::uint64_t>(kept_ - at_, buffer.size()));
      const std::size_t n = TRY(file.read(buffer));
      at_ += n;
      return n;
    }
    auto n = rest_->read(buffer);
    failed_ = !n;
    if (!n || *n == 0) return n;
    at_ += *n;
    keep(std::span<const char>(buffer).first(*n));
    return n;
  }

 private:
  // What cannot be kept is read all the same.
  void keep(std::span<const char> bytes) {
    if (lost_) return;
    const auto kept = part_->file.append(bytes);
    if (kept) return;
    log::debug("registry: {}", kept.error().to_string());
    lost_ = true;
    if (const auto cleared = part_->file.clear(); !cleared)
      log::debug("registry: {}", cleared.error().to_string());
  }

  std::shared_ptr<Part> part_;
  std::unique_ptr<ResumingSource> rest_;
  const std::uint64_t kept_;  // bytes of earlier attempts
  std::uint64_t at_ = 0;
  bool failed_ = false;
  bool lost_ = false;
};

Result<> BlobDownloads::take(const LayeredImage& image, const std::function<void()>& on_wait) {
  const std::vector<LayerKey> keys = TRY(possible_keys(image.layers));
  const std::size_t keys_each = image.layers.empty() ? 0 : keys.size() / image.layers.size();
  const auto present = [&](std::size_t layer) -> Result<bool> {
    for (std::size_t k = 0; k < keys_each; ++k)
      if (TRY(store_.has_layer(keys[layer * keys_each + k]))) return true;
    return false;
  };
  std::map<std::string, std::size_t> wanted;  // in the order of digests
  for (std::size_t i = 0; i < image.layers.size(); ++i)
    if (image.layers[i].blob_digest && image.layers[i].blob_bytes >= kWorthKeeping)
      wanted.emplace(image.layers[i].blob_digest->str(), i);
  for (const auto& [digest, i] : wanted) {
    if (parts_.size() == kMostParts) return {};
    if (TRY(present(i))) continue;
    bool waited = false;
    PartialFile file = TRY_CTX(PartialFile::open(store_, digest,
                                                 [&] {
                                                   waited = true;
                                                   if (on_wait) on_wait();
                                                 }),
                               "layer '{}'", digest);
    if (waited && TRY(present(i))) {
      TRY(file.remove());
      continue;
    }
    const LayerInput& layer = image.layers[i];
    if (file.size() > layer.blob_bytes) TRY(file.clear());
    resumed_ = resumed_ || file.size() > 0;
    parts_.emplace(digest, std::make_shared<Part>(std::move(file), *layer.blob_digest, layer.blob_bytes));
  }
  return {};
}

Result<std::unique_ptr<ByteSource>> BlobDownloads::open(const OciDescriptor& descriptor) {
  const auto it = parts_.find(descriptor.digest.str());
  // The same layer twice in one image: the second reader has a download of its own.
  if (it == parts_.end() || it->second->in_use.exchange(true)) return registry_.blob(descriptor, 0);
  return std::make_unique<Source>(it->second, registry_.blob(descriptor, it->second->file.size()));
}

void BlobDownloads::finish() {
  for (const auto& [digest, part] : parts_)
    if (const auto removed = part->file.remove(); !removed)
      log::debug("registry: {}", removed.error().to_string());
  parts_.clear();
}

void BlobDownloads::keep_what_is_good(const Error& why) {
  // The line is to blame, not what has come over it.
  if (why.kind() == ErrorKind::kNetwork) return parts_.clear();
  const auto is_good = [](const Part& part) -> Result<bool> {
    // Of a part nothing can be said but what its reader thought of it.
    if (part.file.size() < part.size) return !part.dubious;
    FdSource file(part.file.fd(), 0, part.size);
    HashingSource hashed(file, algorithm_of(part.digest), part.size);
    std::vector<char> buffer(kBuffer);
    while (TRY(hashed.read(buffer)) != 0) {
    }
    return hashed.finish() == part.digest;
  };
  for (const auto& [digest, part] : parts_) {
    const auto good = is_good(*part);
    if (good && *good) continue;
    log::debug("registry: what was received of '{}' is dropped", digest);
    if (const auto removed = part->file.remove(); !removed)
      log::debug("registry: {}", removed.error().to_string());
  }
  parts_.clear();
}

}  // namespace agena::stage0
