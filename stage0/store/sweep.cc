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

// A record by a newer program keeps layers that we cannot name, and one that cannot be read now may be
// readable later: errors. One that is no record keeps nothing: no program can run that image.
Result<std::vector<ImageRecord>> read_records(const sys::DirFd& cas) {
  std::vector<ImageRecord> records;
  for (const std::string& name : TRY(sys::list_dir(cas, layout::kImages))) {
    auto record = read_record(cas, name);
    if (record) {
      records.push_back(*std::move(record));
      continue;
    }
    if (record.error().kind() == ErrorKind::kNotFound) continue;  // removed meanwhile
    if (record.error().kind() != ErrorKind::kInvalidInput) return std::unexpected(record.error());
    log::debug("store: {}", record.error().to_string());
  }
  return records;
}

void add_used(const ImageRecord& record, Used& used) {
  for (const auto* list : {&record.layers, &record.sources})
    for (const LayerUse& layer : *list) used.layers.insert(layer.key.str());
  if (!record.oci) return;
  for (const auto& digest : {record.oci->manifest_digest, record.oci->config_digest})
    if (digest) used.blobs.insert(digest->hex());
}

// Names in a directory that are ours and not in the set. Names that we do not know are a newer program's.
template <class IsOurs>
Result<std::vector<std::string>> unused_in(const sys::DirFd& cas, const char* directory,
                                           const std::set<std::string>& used, IsOurs is_ours) {
  std::vector<std::string> names;
  for (std::string& name : TRY(sys::list_dir(cas, directory)))
    if (!used.contains(name) && is_ours(name)) names.push_back(std::move(name));
  return names;
}

bool is_layer(const std::string& name) { return LayerKey::parse(name).has_value(); }
bool is_document(const std::string& name) { return Digest::parse("sha256:" + name).has_value(); }

Result<> move_all(const sys::DirFd& cas, const char* directory, const std::vector<std::string>& names) {
  for (const std::string& name : names) TRY(move_to_trash(cas, fmt::format("{}/{}", directory, name), name));
  if (!names.empty()) TRY(sys::sync_dir(cas, directory));
  return {};
}

}  // namespace

Result<SweepReport> Store::sweep(const Sweep& sweep) {
  SweepReport report;
  {
    const sys::FileLock lock = TRY(lock_prepare(sys::LockMode::kExclusive));
    std::vector<ImageRecord> records = TRY(read_records(cas_));
    if (sweep.choose_images) report.images = TRY(sweep.choose_images(records));
    Used used;
    for (const ImageRecord& record : records)
      if (std::ranges::find(report.images, record.id) == report.images.end()) add_used(record, used);
    for (const LayerKey& key : TRY(sweep.used_by_pods())) used.layers.insert(key.str());
    for (std::string& claim : TRY(collect_claims(cas_))) used.layers.insert(std::move(claim));
    const auto layers = TRY(unused_in(cas_, layout::kLayers, used.layers, is_layer));
    const auto documents = TRY(unused_in(cas_, layout::kBlobs, used.blobs, is_document));
    report.layers = layers.size();
    report.blobs = documents.size();
    for (const std::string& name : layers)
      if (const auto meta = layer_meta(TRY(LayerKey::parse(name)))) report.bytes += meta->file_bytes;
    for (const std::string& name : documents)
      if (const auto st = sys::stat_at(cas_, fmt::format("{}/{}", layout::kBlobs, name)))
        report.bytes += static_cast<std::uint64_t>(st->st_size);
    if (sweep.dry_run) return report;
    // Records first: one without its layers would be an image that cannot run.
    if (!report.images.empty()) TRY(remove_records(report.images));
    TRY(move_all(cas_, layout::kLayers, layers));
    TRY(move_all(cas_, layout::kBlobs, documents));
  }
  report.deferred = !TRY(delete_trash());
  return report;
}

Result<std::vector<LayerKey>> Store::list_layers() const {
  std::vector<LayerKey> keys;
  if (!cas_) return keys;
  for (const std::string& name : TRY(sys::list_dir(cas_, layout::kLayers)))
    if (auto key = LayerKey::parse(name)) keys.push_back(*std::move(key));
  return keys;
}

}  // namespace agena::stage0
