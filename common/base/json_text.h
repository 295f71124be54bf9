// JSON text <-> value with limits: the only place that parses or dumps JSON. nlohmann::json appears in codec
// sources only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "common/base/result.h"

namespace agena::json_text {

// Objects keep the order of their keys, so that what is written back reads as it was written.
using Json = nlohmann::ordered_json;

struct Limits {
  // OCI distribution spec: registries must accept manifests of 4 MiB; nothing that we read is larger.
  std::size_t max_bytes = 4U << 20U;
  std::size_t max_depth = 64;
};

// Parses one JSON document: size and depth within limits, no duplicate keys (RFC 8259 section 4 leaves them
// open, and parsers that disagree on them are an attack), UTF-8 only, nothing behind it. Errors say line and
// column or the key.
Result<Json> parse(std::string_view bytes, const Limits& limits = {});

// Compact text; an error if a string in it is not UTF-8.
Result<std::string> dump(const Json& value);
// Text indented by tabs, as rkt prints manifests; an error if a string in it is not UTF-8.
Result<std::string> dump_pretty(const Json& value);

}  // namespace agena::json_text
