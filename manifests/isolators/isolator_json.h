// Isolators as parts of JSON documents. For the codecs.
#pragma once

#include <optional>
#include <vector>

#include "common/base/json_node.h"
#include "manifests/schema/isolator.h"

namespace agena::isolators {

// One isolator, {"name": …, "value": …}; complains and returns nullopt if it breaks its rules.
std::optional<schema::Isolator> read_isolator(const JsonNode& node);
// The isolators of a list, in order.
std::vector<schema::Isolator> read_isolators(const JsonNode& node);
// The isolator with its raw value; an error if that is not JSON.
Result<json_text::Json> isolator_json(const schema::Isolator& isolator);

}  // namespace agena::isolators
