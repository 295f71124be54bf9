// Values of resource/* isolators.
#include "manifests/isolators/values.h"
#include "manifests/json/object_reader.h"
#include "manifests/json/object_writer.h"

namespace agena::isolators {

using json_text::Json;
using schema::Quantity;
using schema::ResourceValue;

namespace {

std::optional<Quantity> read_quantity(const JsonNode& node) {
  // Go's reader of quantities takes bare numbers too.
  if (node.raw().is_number_integer()) {
    const auto number = node.as_int(0, INT64_MAX);
    return number ? std::optional(Quantity::of(*number)) : std::nullopt;
  }
  const auto quantity = node.parsed(Quantity::parse);
  if (!quantity || quantity->sign() >= 0) return quantity;
  node.complain("must not be negative");
  return std::nullopt;
}

// Reads the value of a resource whose `default` must be as given.
std::optional<IsolatorValue> read_with_default(const JsonNode& node, bool wants_default) {
  json::ObjectReader object(node);
  if (!object.is_object()) return std::nullopt;
  const auto request_node = object.find("request");
  const auto limit_node = object.find("limit");
  const auto default_node = object.find("default");
  const auto request = request_node ? read_quantity(*request_node) : std::nullopt;
  const auto limit = limit_node ? read_quantity(*limit_node) : std::nullopt;
  const auto is_default = default_node ? default_node->as_bool() : std::optional(false);
  bool good = (request || !request_node) && (limit || !limit_node) && is_default;
  if (is_default && *is_default != wants_default) {
    node.complain(fmt::format("'default' must be {} for this resource", wants_default));
    good = false;
  }
  if (wants_default && request_node) {
    request_node->complain("this resource has no requests, only limits");
    good = false;
  }
  if (!good) return std::nullopt;
  return ResourceValue{request, limit, *is_default};
}

}  // namespace

std::optional<IsolatorValue> read_resource(const JsonNode& node) { return read_with_default(node, false); }

std::optional<IsolatorValue> read_default_resource(const JsonNode& node) {
  return read_with_default(node, true);
}

Json write_resource(const IsolatorValue& value) {
  const auto* resource = std::get_if<ResourceValue>(&value);
  if (resource == nullptr) return nullptr;
  json::ObjectWriter object;
  if (resource->is_default) object.add("default", true);
  if (resource->request) object.add("request", resource->request->str());
  if (resource->limit) object.add("limit", resource->limit->str());
  return object.take();
}

}  // namespace agena::isolators
