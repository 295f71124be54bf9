// The images that an ACI is put together from: itself and what its manifest's `dependencies` name,
// transitively, all from the store. Order and filters of appc 0.8.11, aci.md ("Dependency Matching",
// "pathWhitelist").
#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "manifests/schema/image_manifest.h"
#include "stage0/store/layer_key.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// Paths of a whitelist, relative and without a slash at the end.
class PathFilter {
 public:
  explicit PathFilter(const std::vector<std::string>& whitelist);
  bool lists(const std::string& path) const { return paths_.contains(path); }
  // Whether the directory is listed or leads to something that is.
  bool leads_to_listed(const std::string& directory) const;

 private:
  std::set<std::string> paths_;
};

// Which paths of an image take part.
struct PathRules {
  // The image's own whitelist (at most one): files must be listed, directories need not.
  std::vector<PathFilter> own;
  // Those of the images that it is a dependency of: files must be listed in each, directories lead to
  // something.
  std::vector<PathFilter> dependants;

  bool allow(const std::string& path, bool is_directory) const;
};

// One image's share of the whole.
struct RenderInput {
  std::string image_id;
  LayerKey layer;  // the files of this image alone
  PathRules rules;
};

// Whether an image needs rendering: it has dependencies or a whitelist.
bool needs_rendering(const schema::ImageManifest& manifest);

// The inputs of an image, top first, depth first. kNotFound names a dependency that is not in the store; a
// cycle, or more than a thousand inputs, is kInvalidInput. `suits`: which images may be dependencies that are
// found by name (an image id stands for itself).
Result<std::vector<RenderInput>> resolve_inputs(Store& store, const std::string& image_id,
                                                const schema::ImageManifest& manifest, const LayerKey& layer,
                                                const ImageFilter& suits = {});

// Key of what these inputs make: rkt's tree ID, "deps-sha512-" and half of the SHA-512 over the comma-joined
// ids. Whitelists are part of the images, hence of their ids.
Result<LayerKey> rendered_key(const std::vector<RenderInput>& inputs);

}  // namespace agena::stage0
