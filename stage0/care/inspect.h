// Everything that is known of an image.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "stage0/care/image_users.h"
#include "stage0/image/platform.h"
#include "stage0/image/usage.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

struct LayerDetail {
  LayerUse use;
  bool present = true;
  bool source = false;       // an ACI's own files, kept beside its rendered root
  std::string diff_id = {};  // of the archive that it was unpacked from
  std::uint64_t archive_bytes = 0;
  std::uint64_t entries = 0;
  std::size_t images = 0;  // how many images have it, this one included
};

struct ImageDetail {
  ImageRecord record;
  std::vector<std::string> names;  // that stand for it now
  ImageUsage usage;
  std::vector<LayerDetail> layers;           // bottom first, then sources
  std::optional<std::string> config = {};    // exact bytes of the OCI or docker config
  std::optional<std::string> manifest = {};  // exact bytes of the OCI manifest
  Platform platform = {};                    // of the config or the manifest's labels; empty: unknown
  std::string created = {};                  // as the image says it, or empty
  std::vector<Uuid> pods = {};               // that are made of it
};

// What images are looked at against: all images of a store, and its pods. Taken once for any number of them.
struct StoreView {
  std::map<std::string, std::size_t> places = {};  // of images by id, in names and usage.images
  std::vector<std::vector<std::string>> names = {};
  StoreUsage usage = {};
  std::map<LayerKey, std::size_t> users = {};  // how many images have a layer
  std::vector<PodImages> pods = {};
};
Result<StoreView> view_store(const Store& store, const std::string& data_dir);

// Gathers it. Documents and layers that are damaged or missing are left out, for looking at an image must be
// possible then too.
ImageDetail inspect_image(const Store& store, const ImageRecord& record, const StoreView& view);

}  // namespace agena::stage0
