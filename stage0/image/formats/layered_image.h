// An OCI or docker image in a local source, opened but not unpacked: what the formats hand to the importer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "stage0/image/formats/oci_documents.h"
#include "stage0/store/image_record.h"
#include "stage0/store/store.h"
#include "stage0/unpack/byte_source.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

// One layer: how to read its blob and what is known about it beforehand.
struct LayerInput {
  std::string name;              // for the user: the blob's digest or the member's path
  std::uint64_t blob_bytes = 0;  // length of the blob
  // Opens the blob for one reading; may be called from any thread.
  std::function<Result<std::unique_ptr<ByteSource>>()> open;
  std::optional<Compression> compression = {};  // unset: its first bytes tell
  std::optional<Digest> blob_digest = {};
  Digest diff_id;
};

// What an image is called in its source.
struct SourceNames {
  // Full docker names ("docker.io/library/busybox:latest").
  std::vector<std::string> full = {};
  // Where it has none: the source's file name without endings, and the tag there (may be empty).
  std::string source = {};
  std::string tag = {};

  // Names that the image is found by in the store.
  std::vector<std::string> fetched_names() const;
};

struct LayeredImage {
  ImageFormat format = ImageFormat::kOci;
  std::string id;
  OciConfig config;
  std::vector<LayerInput> layers = {};  // bottom first
  std::optional<Document> manifest = {};
  std::optional<Document> config_document = {};
  SourceNames names = {};
};

// The file name of a source without its directories and endings like ".tar.gz".
std::string source_name_of(const std::string& path);

// Pairs a manifest's layers with a config's diffIDs: there must be as many (image-spec config.md).
Result<> check_layer_count(std::size_t layers, std::size_t diff_ids);

}  // namespace agena::stage0
