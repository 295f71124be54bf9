#include "common/base/json_node.h"

#include <algorithm>

#include "common/base/strings.h"

namespace agena {

void JsonProblems::add(const std::string& pointer, const std::string& message) {
  if (problems_.size() == kMost) {
    ++untold_;
    return;
  }
  problems_.push_back((pointer.empty() ? "" : pointer + ": ") + message);
}

Result<> JsonProblems::to_result() const {
  if (problems_.empty()) return {};
  const std::string rest = untold_ == 0 ? "" : fmt::format("; and {} more", untold_);
  return fail(ErrorKind::kInvalidInput, "{}: {}{}", document_, join(problems_, "; "), rest);
}

namespace {

// RFC 6901 section 3: "~" is "~0" and "/" is "~1" in a reference token.
std::string escape_token(std::string_view key) {
  std::string token;
  token.reserve(key.size());
  for (const char c : key) {
    if (c == '~')
      token += "~0";
    else if (c == '/')
      token += "~1";
    else
      token += c;
  }
  return printable(token);
}

}  // namespace

bool JsonNode::is_object() const { return value_->is_object(); }

std::string JsonNode::type_name() const {
  using Type = nlohmann::json::value_t;
  switch (value_->type()) {
    case Type::null:
    case Type::discarded:
      return "null";
    case Type::object:
      return "an object";
    case Type::array:
      return "an array";
    case Type::string:
      return "a string";
    case Type::boolean:
      return "a boolean";
    case Type::number_integer:
    case Type::number_unsigned:
    case Type::number_float:
      return "a number";
    case Type::binary:
      break;
  }
  return "binary data";
}

std::string JsonNode::shown() const {
  if (value_->is_structured() || value_->is_null()) return type_name();
  auto text = json_text::dump(*value_);
  const std::string shown = text ? *text : type_name();
  constexpr std::size_t kMost = 60;
  return printable(utf8_prefix(shown, kMost)) + (shown.size() > kMost ? "…" : "");
}

void JsonNode::complain_expected(std::string_view what) const {
  complain(fmt::format("expected {}, found {}", what, shown()));
}

std::optional<JsonNode> JsonNode::expected(std::string_view what) const {
  complain_expected(what);
  return std::nullopt;
}

std::optional<JsonNode> JsonNode::find(std::string_view key) const {
  if (!value_->is_object()) return expected("an object");
  const auto it = value_->find(key);
  if (it == value_->end() || it->is_null()) return std::nullopt;
  return JsonNode(*it, *problems_, pointer_ + "/" + escape_token(key));
}

std::optional<JsonNode> JsonNode::require(std::string_view key) const {
  if (!value_->is_object()) return expected("an object");
  auto node = find(key);
  if (!node) complain(fmt::format("missing '{}'", key));
  return node;
}

std::optional<std::string> JsonNode::as_string() const {
  if (value_->is_string()) return value_->get_ref<const std::string&>();
  expected("a string");
  return std::nullopt;
}

std::optional<bool> JsonNode::as_bool() const {
  if (value_->is_boolean()) return value_->get<bool>();
  expected("true or false");
  return std::nullopt;
}

std::optional<std::int64_t> JsonNode::as_int(std::int64_t min, std::int64_t max) const {
  const bool too_large =
      value_->is_number_unsigned() && value_->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  if (value_->is_number_integer() && !too_large) {
    const auto number = value_->get<std::int64_t>();
    if (number >= min && number <= max) return number;
  }
  complain_expected(fmt::format("an integer from {} to {}", min, max));
  return std::nullopt;
}

std::optional<std::uint64_t> JsonNode::as_uint(std::uint64_t max) const {
  if (value_->is_number_unsigned() && value_->get<std::uint64_t>() <= max)
    return value_->get<std::uint64_t>();
  if (value_->is_number_integer() && !value_->is_number_unsigned() && value_->get<std::int64_t>() >= 0 &&
      static_cast<std::uint64_t>(value_->get<std::int64_t>()) <= max)
    return static_cast<std::uint64_t>(value_->get<std::int64_t>());
  expected(fmt::format("an integer from 0 to {}", max));
  return std::nullopt;
}

void JsonNode::each(const std::function<void(const JsonNode&)>& fn) const {
  if (!value_->is_array()) {
    expected("an array");
    return;
  }
  std::size_t index = 0;
  for (const auto& element : *value_)
    fn(JsonNode(element, *problems_, fmt::format("{}/{}", pointer_, index++)));
}

void JsonNode::each_member(const std::function<void(const std::string&, const JsonNode&)>& fn) const {
  if (!value_->is_object()) {
    expected("an object");
    return;
  }
  for (const auto& item : value_->items())
    fn(item.key(), JsonNode(item.value(), *problems_, pointer_ + "/" + escape_token(item.key())));
}

void JsonNode::only_members(std::initializer_list<std::string_view> known) const {
  if (!value_->is_object()) return;
  for (const auto& item : value_->items())
    if (std::ranges::find(known, std::string_view(item.key())) == known.end())
      complain(fmt::format("unknown member '{}'", printable(item.key())));
}

}  // namespace agena
