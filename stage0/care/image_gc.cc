#include "stage0/care/image_gc.h"

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/table.h"
#include "stage0/pod/layers_in_use.h"
#include "stage0/store/partials.h"
#include "stage0/store/remotes.h"

namespace agena::stage0 {
namespace {

struct KeeperRow {
  ImageKeeper value;
  std::string_view name;
};
constexpr std::array kKeepers = {
    KeeperRow{.value = ImageKeeper::kDependency, .name = "dependency of another image"},
    KeeperRow{.value = ImageKeeper::kPod, .name = "used by a pod"},
    KeeperRow{.value = ImageKeeper::kRecent, .name = "used lately"}};

bool satisfies(const ImageRecord& record, const schema::Dependency& dependency) {
  if (dependency.image_id) return record.id == dependency.image_id->key().str();
  return record.manifest.name == dependency.image_name &&
         std::ranges::all_of(dependency.labels, [&](const schema::Label& label) {
           const std::string* value = record.manifest.labels.find(label.name.str());
           return value != nullptr && *value == label.value;
         });
}

// The one of the records (oldest import first) that a dependency is resolved to: the newest.
std::optional<std::size_t> resolve(const std::vector<ImageRecord>& records,
                                   const schema::Dependency& dependency) {
  for (std::size_t i = records.size(); i-- > 0;)
    if (satisfies(records[i], dependency)) return i;
  return std::nullopt;
}

}  // namespace

std::string_view to_string(ImageKeeper keeper) { return row_for(kKeepers, keeper).name; }

std::vector<std::optional<ImageKeeper>> choose_kept(const std::vector<ImageRecord>& records,
                                                    const std::vector<PodImages>& pods,
                                                    Nanoseconds grace_period, Nanoseconds now) {
  std::vector<std::optional<ImageKeeper>> kept(records.size());
  std::vector<std::size_t> to_visit;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const bool used = std::ranges::any_of(pods, [&](const PodImages& pod) {
      return is_made_of(pod, records[i]) || holds_layers_of(pod, records[i]);
    });
    if (used)
      kept[i] = ImageKeeper::kPod;
    else if (now - records[i].last_used < grace_period)
      kept[i] = ImageKeeper::kRecent;
    if (kept[i]) to_visit.push_back(i);
  }
  while (!to_visit.empty()) {
    const std::size_t i = to_visit.back();
    to_visit.pop_back();
    for (const schema::Dependency& dependency : records[i].manifest.dependencies) {
      const auto needed = resolve(records, dependency);
      if (!needed || kept[*needed]) continue;
      kept[*needed] = ImageKeeper::kDependency;
      to_visit.push_back(*needed);
    }
  }
  return kept;
}

Result<ImageGcResult> collect_images(Store& store, const ImageGcRequest& request) {
  ImageGcResult result;
  Store::Sweep sweep{.used_by_pods = [&] { return layers_in_use(request.data_dir); },
                     .dry_run = request.dry_run};
  sweep.choose_images = [&](const std::vector<ImageRecord>& unsorted) -> Result<std::vector<std::string>> {
    std::vector<ImageRecord> records = unsorted;
    std::ranges::sort(records, {}, &ImageRecord::import_time);
    const auto pods = TRY(pods_with_images(request.data_dir));
    const auto kept = choose_kept(records, pods, request.grace_period, now());
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (kept[i]) {
        result.kept.push_back({.image = std::move(records[i]), .keeper = *kept[i]});
        continue;
      }
      ids.push_back(records[i].id);
      result.removed.push_back(std::move(records[i]));
    }
    return ids;
  };
  result.sweep = TRY(store.sweep(sweep));
  // What was received of downloads that nobody has gone on with.
  if (!request.dry_run) {
    result.partial_bytes = TRY(sweep_partials(store, now() - request.grace_period));
    TRY(sweep_remotes(store));
  }
  return result;
}

}  // namespace agena::stage0
