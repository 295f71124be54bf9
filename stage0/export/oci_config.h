// Configs and manifests of OCI images as they are written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/result.h"
#include "manifests/schema/image_manifest.h"
#include "stage0/export/target_file.h"
#include "stage0/unpack/compression.h"

namespace agena::stage0 {

// A config made of an appc manifest, without layers: what derive_manifest() does, backwards. Exec becomes the
// entrypoint, so that arguments follow it as they do for ACIs. Isolators have no place in it.
Result<std::string> derive_config(const schema::ImageManifest& manifest);

// The config with these diffIDs in place of its own: the same bytes if they are its own. `created_by` tells
// how the layers on top of those that the config had were made, for its history; if the lower ones are not
// its own either in number, the history is left out.
Result<std::string> config_with_layers(const std::string& config, const std::vector<Digest>& diff_ids,
                                       const std::vector<std::string>& created_by);

// What a layer has become.
struct WrittenLayer {
  Written blob;
  Compression compression = Compression::kNone;
  Digest diff_id;
};
// An OCI image manifest.
Result<std::string> make_oci_manifest(const Written& config, const std::vector<WrittenLayer>& layers);
// The media type that a manifest says it has; OCI's if it says none.
inline constexpr const char* kOciManifestType = "application/vnd.oci.image.manifest.v1+json";
std::string manifest_type(const std::string& manifest);
// Whether an existing manifest, of whichever type, lists exactly these.
bool manifest_lists(const std::string& manifest, const Written& config,
                    const std::vector<WrittenLayer>& layers);

// index.json of a layout with this one manifest. The reference name may be empty; the full name is docker's.
Result<std::string> make_oci_index(const Written& manifest, const std::string& ref_name,
                                   const std::string& full_name);

// manifest.json of a docker archive.
Result<std::string> make_docker_manifest(const std::string& config_name,
                                         const std::vector<std::string>& repo_tags,
                                         const std::vector<std::string>& layer_names);

}  // namespace agena::stage0
