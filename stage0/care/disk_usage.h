// What takes room in the store.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

struct DiskShare {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

// Layers count once, however many images share them, by the bytes of file content in them.
struct StoreDiskUsage {
  DiskShare images;           // bytes: of all their layers
  DiskShare images_of_pods;   // those that pods are made of
  std::uint64_t reclaimable;  // bytes that removing the images of no pod would free
  DiskShare pod_layers;       // of removed images, kept by pods
  DiskShare unused_layers;    // kept by nobody: the next gc deletes them
  DiskShare documents;        // manifests and configs
  DiskShare trash;            // waiting to be deleted; bytes on disk
  DiskShare partial;          // downloads that did not come to their end; bytes on disk
};
Result<StoreDiskUsage> disk_usage_of(const Store& store, const std::string& data_dir);

}  // namespace agena::stage0
