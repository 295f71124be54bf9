// What images take of the disk when layers that several of them have count once, and which names are whose.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "stage0/store/image_record.h"

namespace agena::stage0 {

// Bytes of file content. An image's size is the sum of both.
struct ImageUsage {
  std::uint64_t unique = 0;  // in layers of this image alone: what removing it would free
  std::uint64_t shared = 0;  // in layers that other images have too
};

struct StoreUsage {
  std::vector<ImageUsage> images;  // in the order of the records
  std::uint64_t layers = 0;        // different ones
  std::uint64_t bytes = 0;         // of these, each counted once
};
StoreUsage usage_of(std::span<const ImageRecord> records);

// For each record the names that stand for it: a name that several hold is the newest holder's. Sorted.
std::vector<std::vector<std::string>> names_held(std::span<const ImageRecord> records);

// "name:version" of the image's manifest, "name" without a version.
std::string manifest_name(const ImageRecord& record);

}  // namespace agena::stage0
