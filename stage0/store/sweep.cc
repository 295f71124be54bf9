#include <set>

#include "common/base/log.h"
#include "common/sys/fs.h"
#include "stage0/store/internal.h"
#include "stage0/store/layout.h"
#include "stage0/store/store.h"

namespace agena::stage0 {
namespace {

// What must stay: names below layers/ and below blobs/sha256/.
struct Used {
  std::set<std::string> layers;
  std::set<std::string> blobs;
};

Result<Used> used_by_images(const sys::DirFd& cas) {
  Used used;
  for (const std::string& name : TRY(sys::list_dir(cas, layout::kImages))) {
    const auto record = read_record(cas, name);
    if (!record) {
      if (record.error().kind() == ErrorKind::kNotFound) continue;  // removed meanwhile
      // A record by a newer program keeps layers that we cannot name, and one that cannot be read now may be
      // readable later. One that is no record keeps nothing: no program can run that image.
      if (record.error().kind() != ErrorKind::kInvalidInput) return std::unexpected(record.error());
      log::debug("store: {}", record.error().to_string());
      continue;
    }
    for (const auto* list : {&record->layers, &record->sources})
      for (const LayerUse& layer : *list) used.layers.insert(layer.key.str());
    if (!record->oci) continue;
    for (const auto& digest : {record->oci->manifest_digest, record->oci->config_digest})
      if (digest) used.blobs.insert(digest->hex());
  }
  return used;
}

// Moves what is in a directory and not in the set to the trash; returns how many.
template <class IsOurs>
Result<std::uint64_t> discard(const sys::DirFd& cas, const char* directory, const std::set<std::string>& used,
                              IsOurs is_ours) {
  std::uint64_t count = 0;
  for (const std::string& name : TRY(sys::list_dir(cas, directory))) {
    // Names that we do not know are a newer program's.
    if (used.contains(name) || !is_ours(name)) continue;
    TRY(move_to_trash(cas, fmt::format("{}/{}", directory, name), name));
    ++count;
  }
  return count;
}

}  // namespace

Result<SweepReport> Store::sweep_layers(const UsedLayers& used_by_pods) {
  SweepReport report;
  {
    const sys::FileLock lock = TRY(lock_prepare(sys::LockMode::kExclusive));
    Used used = TRY(used_by_images(cas_));
    for (const LayerKey& key : TRY(used_by_pods())) used.layers.insert(key.str());
    for (std::string& claim : collect_claims(cas_)) used.layers.insert(std::move(claim));
    report.layers = TRY(discard(cas_, layout::kLayers, used.layers,
                                [](const std::string& name) { return LayerKey::parse(name).has_value(); }));
    report.blobs = TRY(discard(cas_, layout::kBlobs, used.blobs, [](const std::string& name) {
      return Digest::parse("sha256:" + name).has_value();
    }));
    if (report.layers != 0) TRY(sys::sync_dir(cas_, layout::kLayers));
  }
  TRY(empty_trash());
  return report;
}

}  // namespace agena::stage0
