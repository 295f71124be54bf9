// An image as layers and a config, ready to be written in one of the formats of layered images.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "stage0/image/platform.h"
#include "stage0/store/image_record.h"
#include "stage0/store/store.h"
#include "stage0/unpack/byte_source.h"

namespace agena::stage0 {

struct ExportLayer {
  // Opens the uncompressed archive; each time the same bytes.
  std::function<Result<std::unique_ptr<ByteSource>>()> open;
  // Digest of the archive; unset: it is known when it has been read.
  std::optional<Digest> diff_id = {};
  // What docker calls the command that made it; only for layers that are new. Empty otherwise.
  std::string created_by = {};
};

// For the user: what is not as it was. Layers add to it while they are read.
using ExportNotes = std::shared_ptr<std::vector<std::string>>;

struct LayeredExport {
  std::vector<ExportLayer> layers;  // bottom first
  // The config that the layers' diffIDs go into: exact bytes, which count as long as these are its own.
  std::string config;
  // The manifest that the image had, and its bytes; written again if what it lists is what was written.
  std::optional<std::string> manifest = {};
  // Full docker names ("docker.io/library/busybox:latest"), newest first.
  std::vector<std::string> names = {};
  ExportNotes notes = std::make_shared<std::vector<std::string>>();
  // Keeps a sweep away from the layers meanwhile (Store::hold_layers).
  std::optional<Staging> hold = {};
};

// The image of a record. One of an ACI has a single layer and a config derived from its manifest. The store
// and the result's `open` must not outlive each other.
Result<LayeredExport> layered_export(const Store& store, const ImageRecord& record);

// The image of layers whose image is not in the store (any more): with a config derived from its manifest.
Result<LayeredExport> layered_export_of(const Store& store, const std::vector<LayerKey>& layers,
                                        const schema::ImageManifest& manifest);

// A layer of the store: its exact archive, or one made anew over the `below` (keys, bottom first), which adds
// a note.
Result<ExportLayer> export_layer(const Store& store, const LayerKey& key, std::vector<LayerKey> below,
                                 const ExportNotes& notes);

// Adds a note, once.
void add_note(const ExportNotes& notes, const std::string& note);

}  // namespace agena::stage0
