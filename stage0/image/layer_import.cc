#include "stage0/image/layer_import.h"

#include <sched.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <thread>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/base/trace.h"
#include "stage0/image/progress.h"
#include "stage0/image/unpacked.h"
#include "stage0/unpack/hash.h"
#include "stage0/unpack/layer_unpacker.h"
#include "stage0/unpack/parent_layers.h"

namespace agena::stage0 {
namespace {

// OCI chain IDs of all layers, bottom first (config.md, "Layer ChainID").
Result<std::vector<Digest>> chain_ids(const std::vector<LayerInput>& inputs) {
  std::vector<Digest> chain;
  for (const LayerInput& input : inputs) {
    if (input.diff_id.algorithm() != "sha256")
      return fail(ErrorKind::kUnsupported, "layer '{}': its diffID '{}' is not a SHA-256",
                  printable(input.name), input.diff_id.str());
    chain.push_back(chain.empty()
                        ? input.diff_id
                        : hash_of(HashAlgorithm::kSha256, chain.back().str() + " " + input.diff_id.str()));
  }
  return chain;
}

// A layer that is there: in the store, or unpacked and waiting for its commit.
struct Ready {
  LayerKey key;
  std::uint64_t size = 0;
  bool root_opaque = false;
  sys::DirFd tree;
  std::optional<Store::Commit> commit = {};
};

// Whether a directory in the layers below would show other attributes than those that unpacking gave a
// directory that its archive only implies: 0755 root:root and no extended attributes.
Result<bool> is_plain_directory(const sys::UniqueFd& node) {
  struct stat st{};
  if (::fstat(node.get(), &st) != 0) return sys_fail("reading attributes of a lower layer's directory");
  if (!S_ISDIR(st.st_mode) || (st.st_mode & 07777) != 0755 || st.st_uid != 0 || st.st_gid != 0) return false;
  const ssize_t xattrs = ::listxattr(sys::proc_fd_path(node.get()).c_str(), nullptr, 0);
  return xattrs == 0 || (xattrs < 0 && errno == ENOTSUP);
}

class LayerImport {
 public:
  LayerImport(const Store& store, const std::vector<LayerInput>& inputs, std::vector<Digest> chain,
              const ImportOptions& options, const ProgressCallback& progress)
      : store_(store),
        inputs_(inputs),
        chain_(std::move(chain)),
        ready_(inputs.size()),
        threads_(std::min<std::size_t>(thread_count(), inputs.size())),
        max_bytes_(options.max_bytes),
        reporter_(progress) {
    for (const LayerInput& input : inputs) total_bytes_ += input.blob_bytes;
  }

  Result<std::vector<ShownLayer>> run();

 private:
  void work();
  Result<Ready> make(std::size_t i, LayerProgress& progress);
  Result<std::optional<Ready>> find_present(std::size_t i);
  Result<std::optional<Ready>> open_present(const LayerKey& key);
  Result<bool> suits(const LayerMeta& meta, std::size_t i);
  Result<Ready> unpack(std::size_t i, LayerProgress& progress);
  Result<std::vector<sys::DirRef>> wait_for_lower(std::size_t i);
  std::vector<ShownLayer> collect();

  const Store& store_;
  const std::vector<LayerInput>& inputs_;
  const std::vector<Digest> chain_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t next_ = 0;                     // under mutex_
  std::vector<std::optional<Ready>> ready_;  // under mutex_ until set, constant then
  std::optional<Error> failure_;             // under mutex_
  std::atomic<bool> cancelled_ = false;

  std::size_t threads_;
  std::uint64_t total_bytes_ = 0;  // of all blobs
  std::uint64_t max_bytes_;
  std::atomic<std::uint64_t> unpacked_bytes_ = 0;
  ProgressReporter reporter_;
};

// Layers are begun from the bottom up, so whoever waits for lower ones waits for work that has begun.
void LayerImport::work() {
  while (true) {
    std::size_t i = 0;
    {
      const std::lock_guard guard(mutex_);
      if (failure_ || next_ == inputs_.size()) return;
      i = next_++;
    }
    LayerProgress progress{.index = i,
                           .count = inputs_.size(),
                           .name = inputs_[i].name,
                           .state = LayerProgress::State::kWaiting,
                           .done = 0,
                           .total = inputs_[i].blob_bytes};
    auto made = make(i, progress);
    const std::lock_guard guard(mutex_);
    if (made)
      ready_[i] = *std::move(made);
    else if (!failure_)
      failure_ = std::move(made).error().with_context(fmt::format("layer '{}'", printable(inputs_[i].name)));
    if (failure_) cancelled_ = true;
    changed_.notify_all();
  }
}

// Trees of the layers below the i-th, top first, once all are there.
Result<std::vector<sys::DirRef>> LayerImport::wait_for_lower(std::size_t i) {
  std::unique_lock lock(mutex_);
  const auto below = ready_.begin() + static_cast<std::ptrdiff_t>(i);
  changed_.wait(lock, [&] {
    return failure_ || std::all_of(ready_.begin(), below, [](const auto& one) { return one.has_value(); });
  });
  if (failure_) return fail(ErrorKind::kInternal, "given up because another layer failed");
  std::vector<sys::DirRef> trees;
  for (std::size_t lower = i; lower-- > 0;) {
    trees.emplace_back(ready_[lower]->tree);
    if (ready_[lower]->root_opaque) break;
  }
  return trees;
}

Result<std::optional<Ready>> LayerImport::open_present(const LayerKey& key) {
  if (!TRY(store_.has_layer(key))) return std::nullopt;
  const LayerMeta meta = TRY(store_.layer_meta(key));
  return Ready{.key = key,
               .size = meta.file_bytes,
               .root_opaque = meta.root_opaque,
               .tree = TRY(store_.open_layer_fs(key))};
}

// Whether a layer that was unpacked over other layers shows the same over these.
Result<bool> LayerImport::suits(const LayerMeta& meta, std::size_t i) {
  if (meta.implied_directories.empty() || i == 0) return true;
  const ParentLookup lookup = lookup_in_layers(TRY(wait_for_lower(i)));
  for (const std::string& path : meta.implied_directories) {
    const auto node = TRY(lookup(path));
    if (node && !TRY(is_plain_directory(*node))) return false;
  }
  return true;
}

Result<std::optional<Ready>> LayerImport::find_present(std::size_t i) {
  // Made for exactly these lower layers, so the better of the two.
  auto by_chain = TRY(open_present(TRY(LayerKey::of_chain_id(chain_[i]))));
  if (by_chain) return by_chain;
  const LayerKey key = LayerKey::of_diff_id(inputs_[i].diff_id);
  auto by_diff = TRY(open_present(key));
  if (!by_diff || !TRY(suits(TRY(store_.layer_meta(key)), i))) return std::nullopt;
  return by_diff;
}

Result<Ready> LayerImport::make(std::size_t i, LayerProgress& progress) {
  reporter_.report(progress);
  if (auto present = TRY(find_present(i))) {
    progress.state = LayerProgress::State::kPresent;
    progress.done = progress.total;
    reporter_.report(progress);
    return *std::move(present);
  }
  progress.state = LayerProgress::State::kUnpacking;
  reporter_.report(progress);
  Ready unpacked = TRY(unpack(i, progress));
  progress.state = LayerProgress::State::kUnpacked;
  reporter_.report(progress);
  return unpacked;
}

Result<Ready> LayerImport::unpack(std::size_t i, LayerProgress& progress) {
  const trace::Scope scope("unpack layer", inputs_[i].name);
  const LayerInput& input = inputs_[i];
  const auto blob = TRY(input.open());
  ReportingSource source(*blob, progress, reporter_, cancelled_);

  std::optional<ParentLookup> lower;
  UnpackOptions options;
  options.kind = ArchiveKind::kLayer;
  options.compression = input.compression;
  options.limits.max_bytes = max_bytes_;
  options.limits.together = &unpacked_bytes_;
  options.blob_digest = input.blob_digest;
  options.blob_size = input.blob_bytes;
  options.diff_id = input.diff_id;
  // With a thread for each layer, there is no CPU left for a second one; but for a layer that takes longer
  // than all others together there will be.
  const bool inflates = input.compression.value_or(Compression::kNone) != Compression::kNone;
  options.pipelined = threads_ == 1 || (inflates && input.blob_bytes > total_bytes_ / 2);
  if (i > 0)
    options.lookup_parent = [&](const std::string& path) -> Result<std::optional<sys::UniqueFd>> {
      if (!lower) lower = lookup_in_layers(TRY(wait_for_lower(i)));
      return (*lower)(path);
    };
  Unpacked unpacked = TRY(unpack_staged(store_, source, std::move(options), input.name.c_str()));
  const UnpackResult& result = unpacked.result;
  const LayerKey key =
      result.needs_chain_key ? TRY(LayerKey::of_chain_id(chain_[i])) : LayerKey::of_diff_id(result.diff_id);
  Ready ready{.key = key,
              .size = result.file_bytes,
              .root_opaque = result.root_opaque,
              .tree = sys::DirFd(TRY(sys::duplicate(unpacked.layer.fs.get())).release())};
  ready.commit = std::move(unpacked).commit(key);
  return ready;
}

// From the top down. A layer that comes again further up is left out: whatever it holds, the upper one shows,
// and overlayfs refuses the same directory twice.
std::vector<ShownLayer> LayerImport::collect() {
  std::vector<ShownLayer> shown;
  std::set<LayerKey> seen;
  for (std::size_t i = ready_.size(); i-- > 0;) {
    Ready& layer = *ready_[i];
    const bool last = layer.root_opaque;
    if (seen.insert(layer.key).second)
      shown.push_back({.use = {.key = layer.key, .size = layer.size},
                       .tree = std::move(layer.tree),
                       .commit = std::move(layer.commit)});
    if (last) break;
  }
  return shown;
}

Result<std::vector<ShownLayer>> LayerImport::run() {
  {
    std::vector<std::jthread> helpers;
    for (std::size_t n = 1; n < threads_; ++n) {
      try {
        helpers.emplace_back([this] { work(); });
      } catch (const std::system_error&) {
        break;  // no thread to be had: fewer at a time
      }
    }
    work();
  }
  if (failure_) return std::unexpected(*std::move(failure_));
  return collect();
}

}  // namespace

unsigned thread_count() {
  constexpr unsigned kMost = 2;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (::sched_getaffinity(0, sizeof(cpus), &cpus) != 0) return 1;
  return std::clamp(static_cast<unsigned>(CPU_COUNT(&cpus)), 1U, kMost);
}

Result<std::vector<LayerKey>> possible_keys(const std::vector<LayerInput>& inputs) {
  std::vector<LayerKey> keys;
  const std::vector<Digest> chain = TRY(chain_ids(inputs));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    keys.push_back(LayerKey::of_diff_id(inputs[i].diff_id));
    keys.push_back(TRY(LayerKey::of_chain_id(chain[i])));
  }
  return keys;
}

Result<std::vector<ShownLayer>> unpack_layers(const Store& store, const std::vector<LayerInput>& inputs,
                                              const ImportOptions& options,
                                              const ProgressCallback& progress) {
  LayerImport import(store, inputs, TRY(chain_ids(inputs)), options, progress);
  return import.run();
}

}  // namespace agena::stage0
