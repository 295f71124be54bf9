// OCI image layouts (image-layout.md), as a directory or as a tar of one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/sys/fd.h"
#include "stage0/image/formats/archive_file.h"
#include "stage0/image/formats/layered_image.h"
#include "stage0/image/formats/manifest_choice.h"
#include "stage0/image/formats/oci_documents.h"
#include "stage0/image/platform.h"

namespace agena::stage0 {

class OciLayout {
 public:
  // The image that was picked: its manifest, and the entry of index.json that led to it.
  struct Selection {
    OciDescriptor manifest;
    std::string ref_name;    // org.opencontainers.image.ref.name, may be empty
    std::string image_name;  // io.containerd.image.name, may be empty
  };

  // Opens what the path names. The errors name it.
  static Result<std::unique_ptr<OciLayout>> open(const Store& store, const std::string& path,
                                                 std::uint64_t max_bytes = kDefaultMaxUnpackedBytes);

  // Picks a manifest: by tag, by digest (of a manifest or of an index), or the only one there is; for the
  // platform wanted. Nested indexes are followed four levels deep; attestations are passed over. Errors list
  // what there is.
  Result<Selection> select(const std::string& tag, const std::optional<Digest>& digest,
                           const Platform& platform) const;
  // What the image is called in this layout.
  SourceNames names_of(const Selection& selection) const;
  // Reads manifest and config. The layers read from this layout, which must outlive them.
  Result<LayeredImage> load(const Selection& selection) const;

 private:
  OciLayout() = default;
  Result<std::string> read_file(const std::string& name) const;
  Result<std::string> read_document(const OciDescriptor& descriptor) const;
  Result<std::unique_ptr<ByteSource>> open_blob(const Digest& digest) const;
  ManifestSearch search() const;
  Result<std::vector<ManifestLeaf>> leaves_of_digest(const Digest& digest) const;
  Result<std::vector<ManifestLeaf>> leaves_of_tag(const std::string& tag) const;

  std::string path_;
  sys::DirFd directory_;                        // one of these two
  std::shared_ptr<const ArchiveFile> archive_;  //
  OciIndex index_;
};

}  // namespace agena::stage0
