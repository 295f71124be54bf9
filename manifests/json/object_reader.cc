#include "manifests/json/object_reader.h"

#include <algorithm>

#include "common/base/strings.h"

namespace agena::json {

ObjectReader::ObjectReader(const JsonNode& node) : node_(node), is_object_(node.is_object()) {
  if (!is_object_) node.complain_expected("an object");
}

std::optional<JsonNode> ObjectReader::find(std::string_view key) {
  if (!is_object_) return std::nullopt;
  asked_.push_back(key);
  return node_.find(key);
}

std::optional<JsonNode> ObjectReader::require(std::string_view key) {
  if (!is_object_) return std::nullopt;
  asked_.push_back(key);
  return node_.require(key);
}

schema::Extra ObjectReader::extra() const {
  schema::Extra extra;
  if (!is_object_) return extra;
  for (const auto& item : node_.raw().items()) {
    if (std::ranges::find(asked_, std::string_view(item.key())) != asked_.end()) continue;
    // What was parsed is UTF-8, so this cannot fail.
    if (auto json = json_text::dump(item.value())) extra.push_back({item.key(), *std::move(json)});
  }
  return extra;
}

void ObjectReader::no_extra() const {
  if (!is_object_) return;
  for (const auto& item : node_.raw().items())
    if (std::ranges::find(asked_, std::string_view(item.key())) == asked_.end())
      node_.complain(fmt::format("unknown member '{}'", printable(item.key())));
}

bool UniqueNames::add(const JsonNode& node, const std::string& name) {
  if (seen_.insert(name).second) return true;
  node.complain(fmt::format("duplicate {} '{}'", what_, printable(name)));
  return false;
}

std::optional<std::string> read_text(const JsonNode& node) {
  auto text = node.as_string();
  if (text && text->find('\0') != std::string::npos) {
    node.complain("must not contain a NUL character");
    return std::nullopt;
  }
  return text;
}

std::optional<std::string> read_non_empty(const JsonNode& node) {
  auto text = read_text(node);
  if (text && text->empty()) {
    node.complain("must not be empty");
    return std::nullopt;
  }
  return text;
}

std::optional<std::string> read_absolute_path(const JsonNode& node) {
  auto path = read_text(node);
  if (path && !path->starts_with('/')) {
    node.complain_expected("an absolute path");
    return std::nullopt;
  }
  return path;
}

std::vector<std::string> read_texts(const JsonNode& node) {
  std::vector<std::string> texts;
  node.each([&](const JsonNode& element) {
    if (auto text = read_text(element)) texts.push_back(*std::move(text));
  });
  return texts;
}

std::optional<std::uint32_t> read_mode(const JsonNode& node) {
  constexpr std::size_t kMaxDigits = 5;
  constexpr std::uint32_t kMaxMode = 07777;
  const auto text = node.as_string();
  if (!text) return std::nullopt;
  std::uint32_t mode = 0;
  const bool octal = !text->empty() && text->size() <= kMaxDigits &&
                     std::ranges::all_of(*text, [](char c) { return c >= '0' && c <= '7'; });
  if (octal)
    for (const char c : *text) mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
  if (octal && mode <= kMaxMode) return mode;
  node.complain_expected("permissions in octal from '0000' to '7777'");
  return std::nullopt;
}

}  // namespace agena::json
