// Finding what is damaged, and taking it out of sight until it is replaced.
#include <fcntl.h>

#include "common/sys/fs.h"
#include "stage0/store/internal.h"
#include "stage0/store/layout.h"
#include "stage0/store/store.h"
#include "stage0/unpack/byte_source.h"
#include "stage0/unpack/tree_record.h"

namespace agena::stage0 {
namespace {

// What the differences say, at most three of them.
std::string describe(const TreeReport& report) {
  std::string text;
  constexpr std::size_t kMost = 3;
  for (std::size_t i = 0; i < report.differences.size() && i < kMost; ++i)
    text +=
        fmt::format("{}'{}' {}", i == 0 ? "" : "; ", report.differences[i].path, report.differences[i].what);
  if (report.differences.size() > kMost)
    text += fmt::format("; and {} more", report.differences.size() - kMost);
  return text;
}

}  // namespace

namespace {

// Whether the skeleton of a layer's archive, if it has a complete one, is as it was written.
Result<bool> is_skeleton_intact(const sys::DirFd& cas, const LayerMeta& meta) {
  if (!meta.skeleton_digest) return true;
  const std::string path = fmt::format("{}/{}/{}", layout::kLayers, meta.key.str(), layout::kLayerArchive);
  const sys::UniqueFd skeleton = TRY(sys::open_at(cas, path, O_RDONLY | O_NOFOLLOW));
  FdSource file(skeleton.get());
  HashingSource hashed(file, HashAlgorithm::kSha256);
  std::vector<char> buffer(64U << 10U);
  while (TRY(hashed.read(buffer)) != 0) {
  }
  return hashed.finish() == *meta.skeleton_digest;
}

}  // namespace

Result<LayerVerdict> Store::verify_layer(const LayerKey& key) const {
  auto compare = [&]() -> Result<TreeReport> {
    const LayerMeta meta = TRY(layer_meta(key));
    const sys::DirFd fs = TRY(open_layer_fs(key));
    const sys::UniqueFd record =
        TRY(sys::open_at(cas_, fmt::format("{}/{}/{}", layout::kLayers, key.str(), layout::kLayerRecord),
                         O_RDONLY | O_NOFOLLOW));
    if (!TRY(is_skeleton_intact(cas_, meta)))
      return fail(ErrorKind::kVerification, "the skeleton of its archive has been changed");
    return verify_tree(fs, record.get(), meta.record_digest);
  };
  LayerVerdict verdict{.key = key, .state = LayerVerdict::State::kIntact, .detail = {}};
  if (!TRY(has_layer(key))) {
    verdict.state = LayerVerdict::State::kMissing;
    verdict.detail = "is not in the store";
    return verdict;
  }
  const auto report = compare();
  if (!report) {
    verdict.state = LayerVerdict::State::kCorrupt;
    verdict.detail = report.error().to_string();
  } else if (!report->intact()) {
    verdict.state = LayerVerdict::State::kCorrupt;
    verdict.detail = describe(*report);
  }
  return verdict;
}

Result<std::vector<LayerVerdict>> Store::verify_image(const ImageRecord& record) const {
  std::vector<LayerVerdict> verdicts;
  for (const auto* list : {&record.layers, &record.sources})
    for (const LayerUse& layer : *list) verdicts.push_back(TRY(verify_layer(layer.key)));
  return verdicts;
}

Result<std::vector<Digest>> Store::damaged_documents(const ImageRecord& record) const {
  std::vector<Digest> damaged;
  if (!record.oci) return damaged;
  for (const auto& digest : {record.oci->manifest_digest, record.oci->config_digest})
    if (digest && !read_blob(*digest)) damaged.push_back(*digest);
  return damaged;
}

Result<Store::SetAside> Store::set_aside(std::span<const LayerKey> layers, std::span<const Digest> documents,
                                         const std::function<Result<>()>& check) const {
  SetAside aside(TRY(stage()), {}, sys::DirFd(TRY(sys::open_dir(cas_, "."))));
  const sys::FileLock lock = TRY(lock_prepare(sys::LockMode::kExclusive));
  TRY(check());
  std::vector<std::string> paths;
  for (const LayerKey& key : layers) paths.push_back(fmt::format("{}/{}", layout::kLayers, key.str()));
  for (const Digest& digest : documents) paths.push_back(fmt::format("{}/{}", layout::kBlobs, digest.hex()));
  for (const std::string& path : paths) {
    const std::string place = fmt::format("{}", aside.paths_.size());
    auto moved = sys::rename_at(cas_, path, aside.staging_.dir(), place);
    if (moved) {
      aside.paths_.push_back(path);
      continue;
    }
    if (moved.error().kind() == ErrorKind::kNotFound) continue;
    // All or nothing.
    if (auto back = std::move(aside).put_back(); !back) return std::unexpected(std::move(back).error());
    return std::unexpected(std::move(moved).error());
  }
  return aside;
}

Result<> Store::SetAside::put_back() && {
  ErrorList errors;
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    auto moved = sys::rename_new(staging_.dir(), fmt::format("{}", i), cas_, paths_[i]);
    if (!moved && moved.error().kind() != ErrorKind::kAlreadyExists) errors.add(std::move(moved).error());
  }
  return errors.to_result();
}

}  // namespace agena::stage0
