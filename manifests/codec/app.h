// The app section as JSON. Internal to the codecs.
#pragma once

#include <optional>
#include <vector>

#include "common/base/json_node.h"
#include "manifests/schema/app.h"

namespace agena::codec {

// nullopt (with complaints) if it lacks what an app must have.
std::optional<schema::App> read_app(const JsonNode& node);
Result<json_text::Json> app_json(const schema::App& app);

}  // namespace agena::codec
