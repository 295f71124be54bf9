// What `image rm` means: by a name of several only the name, otherwise the image.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

struct RemovedImage {
  std::string id;
  std::string only_name;  // the name that it lost; empty: the image itself is gone
};

// Removes what the text means to find_image(). A name that was fetched or given by `image tag` goes from all
// images that hold it; the image that it stood for goes too, unless it has another name (an ACI: its own).
// Names that pin a digest do not count as others. Layers stay until a sweep.
Result<RemovedImage> remove_image_or_name(Store& store, std::string_view text);

}  // namespace agena::stage0
