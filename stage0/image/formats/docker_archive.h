// docker-archive tars: what `docker save`, `podman save` and `skopeo copy docker-archive:` write. The old
// form (ID/layer.tar, with symlinks between layers) and the new one (an OCI layout's blobs) both have a
// manifest.json that lists configs, names and layers; there are no digests of blobs in it, only the config's
// diffIDs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "stage0/image/formats/archive_file.h"
#include "stage0/image/formats/layered_image.h"

namespace agena::stage0 {

// One image of manifest.json.
struct DockerArchiveEntry {
  std::string config;               // member's path
  std::vector<std::string> names;   // RepoTags, as written
  std::vector<std::string> layers;  // members' paths, bottom first
};
Result<std::vector<DockerArchiveEntry>> parse_docker_manifest(std::string_view bytes);

class DockerArchive {
 public:
  static Result<std::unique_ptr<DockerArchive>> open(const Store& store, const std::string& path,
                                                     std::uint64_t max_bytes = kDefaultMaxUnpackedBytes);

  // Picks an image by its full name, by its place in manifest.json, or the only one there is (both unset),
  // and reads its config. Errors list what there is. The layers read from this archive, which must outlive
  // them.
  Result<LayeredImage> load(const std::string& name, std::optional<std::uint32_t> index) const;

 private:
  DockerArchive() = default;
  Result<const DockerArchiveEntry*> pick(const std::string& name, std::optional<std::uint32_t> index) const;
  Result<LayeredImage> read(const DockerArchiveEntry& entry) const;

  std::string path_;
  std::shared_ptr<const ArchiveFile> archive_;
  std::vector<DockerArchiveEntry> entries_;
};

}  // namespace agena::stage0
