// Checking images, and bringing back what is damaged from where it came.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

struct ImageCheck {
  ImageRecord image;
  std::vector<LayerVerdict> faults;  // of layers that are missing or changed
  std::vector<Digest> documents;     // that are missing or changed
  std::string repaired_from;         // the reference that gave it back; empty: not repaired
  bool intact() const { return faults.empty() && documents.empty(); }
};

// Compares everything of an image with what came in. kNotFound: it is damaged because it has been removed
// meanwhile.
Result<ImageCheck> check_image(const Store& store, const ImageRecord& record);

// What the damage is, in a sentence for each layer and document.
Error describe_damage(const ImageCheck& check);

// Fetches what a reference means into the store, whether it is there or not.
using Refetch = std::function<Result<ImageRecord>(const std::string& reference)>;

// References that may give the image back, the best first: where it was imported from, and its manifest by
// digest in the registries that its names are of.
std::vector<std::string> references_of(const ImageRecord& record);

// Takes the damaged layers and documents out of sight and fetches the image again, trying its references in
// turn. kBusy names the pod that uses a damaged layer; kNotFound says what each reference came to. After a
// failure everything is as it was before.
Result<> repair_image(Store& store, const std::string& data_dir, ImageCheck& check, const Refetch& refetch);

}  // namespace agena::stage0
