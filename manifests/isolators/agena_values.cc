// Values of agena/* isolators.
#include <algorithm>
#include <array>

#include "manifests/isolators/values.h"
#include "manifests/json/object_reader.h"
#include "manifests/json/object_writer.h"

namespace agena::isolators {

using json_text::Json;
using schema::BlockDeviceLimit;
using schema::Rlimit;

namespace {

struct RateRow {
  std::string_view key;
  std::optional<std::int64_t> BlockDeviceLimit::* member;
};
constexpr std::array kRates = {
    RateRow{"readBps", &BlockDeviceLimit::read_bps}, RateRow{"writeBps", &BlockDeviceLimit::write_bps},
    RateRow{"readIops", &BlockDeviceLimit::read_iops}, RateRow{"writeIops", &BlockDeviceLimit::write_iops}};

std::optional<BlockDeviceLimit> read_device(const JsonNode& node) {
  json::ObjectReader object(node);
  const auto device = object.require("device");
  auto path = device ? json::read_absolute_path(*device) : std::nullopt;
  if (!path) return std::nullopt;
  BlockDeviceLimit limit{.device = *std::move(path)};
  bool good = true;
  for (const RateRow& row : kRates) {
    const auto rate = object.find(row.key);
    if (!rate) continue;
    limit.*row.member = rate->as_int(1, INT64_MAX);
    good = good && limit.*row.member;
  }
  return good ? std::optional(std::move(limit)) : std::nullopt;
}

// Elements of an array, nullopt if it is none or one of them is bad.
template <class Element>
std::optional<std::vector<Element>> read_elements(const JsonNode& node,
                                                  std::optional<Element> (*read)(const JsonNode&)) {
  std::vector<Element> elements;
  bool good = node.raw().is_array();
  node.each([&](const JsonNode& child) {
    auto element = read(child);
    good = good && element;
    if (element) elements.push_back(*std::move(element));
  });
  return good ? std::optional(std::move(elements)) : std::nullopt;
}

}  // namespace

std::optional<IsolatorValue> read_block_io(const JsonNode& node) {
  auto devices = read_elements(node, read_device);
  if (!devices) return std::nullopt;
  return schema::BlockIo{*std::move(devices)};
}

Json write_block_io(const IsolatorValue& value) {
  const auto* block = std::get_if<schema::BlockIo>(&value);
  if (block == nullptr) return nullptr;
  Json array = Json::array();
  for (const BlockDeviceLimit& device : block->devices) {
    json::ObjectWriter object;
    object.add("device", device.device);
    for (const RateRow& row : kRates)
      if (device.*row.member) object.add(std::string(row.key), *(device.*row.member));
    array.push_back(object.take());
  }
  return array;
}

std::optional<IsolatorValue> read_pids_limit(const JsonNode& node) {
  constexpr std::int64_t kMax = 4194304;
  const auto pids = node.as_int(1, kMax);
  if (!pids) return std::nullopt;
  return schema::PidsLimit{*pids};
}

Json write_pids_limit(const IsolatorValue& value) {
  const auto* limit = std::get_if<schema::PidsLimit>(&value);
  return limit == nullptr ? Json() : Json(limit->pids);
}

namespace {

constexpr std::string_view kUnlimitedText = "unlimited";

std::optional<std::uint64_t> read_limit(const JsonNode& node) {
  if (node.raw().is_string() && node.raw() == kUnlimitedText) return Rlimit::kUnlimited;
  if (!node.raw().is_number_integer()) {
    node.complain_expected("a number or \"unlimited\"");
    return std::nullopt;
  }
  const auto number = node.as_int(0, INT64_MAX);
  return number ? std::optional(static_cast<std::uint64_t>(*number)) : std::nullopt;
}

Json limit_json(std::uint64_t limit) {
  return limit == Rlimit::kUnlimited ? Json(kUnlimitedText) : Json(limit);
}

std::optional<Rlimit> read_rlimit(const JsonNode& node) {
  json::ObjectReader object(node);
  const auto name_node = object.require("name");
  const auto soft_node = object.require("soft");
  const auto hard_node = object.require("hard");
  auto name = name_node ? name_node->as_string() : std::nullopt;
  const auto soft = soft_node ? read_limit(*soft_node) : std::nullopt;
  const auto hard = hard_node ? read_limit(*hard_node) : std::nullopt;
  if (name && (name->empty() || !std::ranges::all_of(*name, [](char c) { return c >= 'a' && c <= 'z'; }))) {
    name_node->complain_expected("the name of a resource such as nofile");
    name.reset();
  }
  if (soft && hard && *soft > *hard) {
    node.complain("the soft limit is above the hard one");
    return std::nullopt;
  }
  if (!name || !soft || !hard) return std::nullopt;
  return Rlimit{*std::move(name), *soft, *hard};
}

}  // namespace

std::optional<IsolatorValue> read_rlimits(const JsonNode& node) {
  auto limits = read_elements(node, read_rlimit);
  if (!limits) return std::nullopt;
  for (auto it = limits->begin(); it != limits->end(); ++it)
    if (std::ranges::find(it + 1, limits->end(), it->name, &Rlimit::name) != limits->end()) {
      node.complain(fmt::format("limit '{}' stands there twice", it->name));
      return std::nullopt;
    }
  return schema::Rlimits{*std::move(limits)};
}

Json write_rlimits(const IsolatorValue& value) {
  const auto* rlimits = std::get_if<schema::Rlimits>(&value);
  if (rlimits == nullptr) return nullptr;
  Json array = Json::array();
  for (const Rlimit& limit : rlimits->limits) {
    json::ObjectWriter object;
    object.add("name", limit.name);
    object.add("soft", limit_json(limit.soft));
    object.add("hard", limit_json(limit.hard));
    array.push_back(object.take());
  }
  return array;
}

}  // namespace agena::isolators
