// Which manifest of several suits: through nested indexes, by platform. For whatever holds the documents, a
// layout or a registry.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/image/formats/oci_documents.h"
#include "stage0/image/platform.h"

namespace agena::stage0 {

// A manifest, and which of the entries that the search began with led to it.
struct ManifestLeaf {
  OciDescriptor manifest;
  std::size_t entry = 0;
};

// Reads a document whose digest and size have been checked.
using DocumentReader = std::function<Result<std::string>(const OciDescriptor&)>;

// Finds all manifests of images below descriptors. Indexes are followed four levels deep, each is read once,
// and at most a hundred for one descriptor; attestations and what is no image are passed over.
class ManifestSearch {
 public:
  explicit ManifestSearch(DocumentReader read) : read_(std::move(read)) {}
  // Adds what is below a descriptor.
  Result<> add(const OciDescriptor& descriptor, std::size_t entry);
  const std::vector<ManifestLeaf>& leaves() const { return leaves_; }

 private:
  Result<> collect(const OciDescriptor& descriptor, std::size_t entry, int depth);

  DocumentReader read_;
  std::vector<ManifestLeaf> leaves_;
  std::set<std::string> indexes_;  // that have been read, by digest
  std::size_t read_now_ = 0;       // by this add()
};

// The manifest for a platform, the first of equally good ones. A single one needs no choice: what it is for,
// its config says. kNotFound lists what there is. Equally good ones of different entries are kInvalidInput.
Result<ManifestLeaf> pick_manifest(const std::vector<ManifestLeaf>& leaves, const Platform& platform);

}  // namespace agena::stage0
