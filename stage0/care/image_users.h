// Which pods are made of which images.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/uuid.h"
#include "stage0/pod/pod.h"
#include "stage0/store/image_record.h"
#include "stage0/store/layer_key.h"

namespace agena::stage0 {

// What a pod says of its images.
struct PodImages {
  Uuid uuid;
  PodDirectory directory;
  bool has_manifest = false;         // not yet while it is being prepared
  std::set<std::string> app_images;  // ids
  std::string stage1_chain;          // chain ID of stage1's root
  std::set<LayerKey> layers;         // of the store; none if its roots are copies
};

// All pods that a user can name, ordered by UUID. Complete while the exclusive prepareLock is held.
Result<std::vector<PodImages>> pods_with_images(const std::string& data_dir);

// Whether the pod runs an app of this image, or is run by it as its stage1.
bool is_made_of(const PodImages& pod, const ImageRecord& image);
// Whether the pod's roots have all layers of this image in them: also that of an image that another one was
// built on.
bool holds_layers_of(const PodImages& pod, const ImageRecord& image);

}  // namespace agena::stage0
