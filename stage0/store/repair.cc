// Finding what is damaged, and taking it out of sight until it is replaced.
#include <fcntl.h>

#include "common/base/strings.h"
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

namespace {

// Puts what lies in a staging directory as "0", "1"… to these places, unless something is there by now.
Result<> put_all_back(const sys::DirFd& cas, const sys::DirFd& staging,
                      const std::vector<std::string>& paths) {
  ErrorList errors;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    auto moved = sys::rename_new(staging, std::to_string(i), cas, paths[i]);
    if (!moved && moved.error().kind() != ErrorKind::kAlreadyExists &&
        moved.error().kind() != ErrorKind::kNotFound)
      errors.add(std::move(moved).error());
  }
  for (const char* directory : {layout::kLayers, layout::kBlobs})
    errors.add_if(sys::sync_dir(cas, directory));
  return errors.to_result();
}

bool is_place_of_ours(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return false;
  const std::string directory = path.substr(0, slash);
  const std::string name = path.substr(slash + 1);
  return (directory == layout::kLayers && LayerKey::parse(name).has_value()) ||
         (directory == layout::kBlobs && Digest::parse("sha256:" + name).has_value());
}

}  // namespace

Result<> put_back_aside(const sys::DirFd& cas, const sys::DirFd& staging) {
  const auto text = sys::read_file(staging, layout::kAside);
  if (!text && text.error().kind() == ErrorKind::kNotFound) return {};
  if (!text) return std::unexpected(text.error());
  std::vector<std::string> paths = split(*text, '\n');
  std::erase(paths, "");
  for (const std::string& path : paths)
    if (!is_place_of_ours(path)) return {};
  return put_all_back(cas, staging, paths);
}

Result<Store::SetAside> Store::set_aside(std::span<const LayerKey> layers, std::span<const Digest> documents,
                                         const std::function<Result<>()>& check) const {
  SetAside aside(TRY(stage()), {}, sys::DirFd(TRY(sys::open_dir(cas_, "."))));
  const sys::FileLock lock = TRY(lock_prepare(sys::LockMode::kExclusive));
  TRY(check());
  for (const LayerKey& key : layers) aside.paths_.push_back(fmt::format("{}/{}", layout::kLayers, key.str()));
  for (const Digest& digest : documents)
    aside.paths_.push_back(fmt::format("{}/{}", layout::kBlobs, digest.hex()));
  std::string places;
  for (const std::string& path : aside.paths_) places += path + "\n";
  // What is moved here is all that is left of it; whoever finds us dead must be able to undo this.
  TRY(sys::replace_file(aside.staging_.dir(), layout::kAside, places, 0600, sys::Durability::kSync));
  TRY(sys::sync_dir(cas_, layout::kStaging));
  for (std::size_t i = 0; i < aside.paths_.size(); ++i) {
    auto moved = sys::rename_at(cas_, aside.paths_[i], aside.staging_.dir(), std::to_string(i));
    if (moved || moved.error().kind() == ErrorKind::kNotFound) continue;
    // All or nothing.
    TRY(std::move(aside).put_back());
    return std::unexpected(std::move(moved).error());
  }
  return aside;
}

Result<> Store::SetAside::put_back() && { return put_all_back(cas_, staging_.dir(), paths_); }

}  // namespace agena::stage0
