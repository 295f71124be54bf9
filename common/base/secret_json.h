// Documents that hold secrets: complaints about them say where, and quote nothing.
#pragma once

#include <string_view>

#include "common/base/json_text.h"
#include "common/base/result.h"

namespace agena::json_text {

// As parse(), but errors give the line and the column only.
Result<Json> parse_secret(std::string_view bytes, const Limits& limits = {});

}  // namespace agena::json_text
