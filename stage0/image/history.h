// How an image came to be, layer by layer: the history in an OCI or docker config matched with the layers in
// the store, or an ACI and its dependencies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "stage0/store/image_record.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// One step. Texts are the image's own: whoever prints them makes them safe.
struct HistoryEntry {
  std::optional<Nanoseconds> created = {};
  std::string created_by = {};
  std::string author = {};
  std::string comment = {};
  // ACI: the image or dependency, "name:version", and its id (empty: a dependency that is not in the store).
  std::string name = {};
  std::string image_id = {};
  // The layer that the step made; none for steps that changed only the config.
  std::string diff_id = {};
  std::optional<LayerKey> layer = {};      // as it is in the store, if it is
  std::optional<std::uint64_t> size = {};  // bytes of file content, if known
  bool empty_layer = false;
};

// The steps, the last one first. Layers that the config has no history of come without commands. kNotFound or
// kVerification if the config is missing or damaged.
Result<std::vector<HistoryEntry>> image_history(Store& store, const ImageRecord& record);

}  // namespace agena::stage0
