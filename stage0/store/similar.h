// What somebody may have meant who named an image that is not in the store.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

// A name of the store that is close to the text: misspelt, or without host, repository or tag. Empty if there
// is none. Reads all records, so it is for failures only.
std::string similar_image(const Store& store, std::string_view text);

// The error with a hint at a similar image in place of its own, if there is one and the image was not found.
Error with_similar_image(Error error, const Store& store, std::string_view text);

// The error with a hint that knows better than its own; an empty one changes nothing.
Error with_better_hint(Error error, std::string hint);

// Store::find_image(), with such a hint.
Result<ImageRecord> find_named_image(Store& store, std::string_view text);

}  // namespace agena::stage0
