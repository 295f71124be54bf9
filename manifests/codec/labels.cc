// Lists and maps of names and values.
#include <algorithm>
#include <array>
#include <charconv>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "manifests/codec/parts.h"
#include "manifests/json/object_reader.h"
#include "manifests/json/object_writer.h"

namespace agena::codec {

using json::ObjectReader;
using json::ObjectWriter;
using json::read_text;
using json::UniqueNames;
using json_text::Json;
using schema::AcIdentifier;

namespace {

// Reads the list's items; check_value(name, value node, value) may complain and refuse one.
template <class List, class Check>
List read_named_values(const JsonNode& node, std::string_view what, const Check& check_value) {
  List list;
  UniqueNames names(what);
  node.each([&](const JsonNode& element) {
    ObjectReader item(element);
    const auto name_node = item.require("name");
    const auto value_node = item.require("value");
    item.no_extra();  // "The listed objects must have two key-value pairs"
    auto name = name_node ? name_node->parsed(AcIdentifier::parse) : std::nullopt;
    auto value = value_node ? read_text(*value_node) : std::nullopt;
    if (!name || !value || !names.add(*name_node, name->str())) return;
    if (check_value(*name_node, *name, *value_node, *value))
      list.add_new(*std::move(name), *std::move(value));
  });
  return list;
}

template <class List>
Json named_values_json(const List& list) {
  auto array = Json::array();
  for (const auto& item : list) {
    ObjectWriter object;
    object.add("name", item.name.str());
    object.add("value", item.value);
    array.push_back(object.take());
  }
  return array;
}

// A number of exactly the given digits within limits, cut off the front of the text.
bool take_number(std::string_view& text, std::size_t digits, int min, int max) {
  int number = 0;
  const std::string_view part = text.substr(0, digits);
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
  const bool good = part.size() == digits && part[0] != '-' && error == std::errc{} &&
                    end == part.data() + part.size() && number >= min && number <= max;
  text.remove_prefix(part.size());
  return good;
}

bool take_char(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// RFC 3339 section 5.6.
bool is_rfc3339(std::string_view text) {
  const bool date_time = take_number(text, 4, 0, 9999) && take_char(text, "-") &&
                         take_number(text, 2, 1, 12) && take_char(text, "-") && take_number(text, 2, 1, 31) &&
                         take_char(text, "Tt") && take_number(text, 2, 0, 23) && take_char(text, ":") &&
                         take_number(text, 2, 0, 59) && take_char(text, ":") && take_number(text, 2, 0, 60);
  if (!date_time) return false;
  if (take_char(text, ".")) {
    if (!take_number(text, 1, 0, 9)) return false;
    while (!text.empty() && text[0] >= '0' && text[0] <= '9') text.remove_prefix(1);
  }
  if (take_char(text, "Zz")) return text.empty();
  return take_char(text, "+-") && take_number(text, 2, 0, 23) && take_char(text, ":") &&
         take_number(text, 2, 0, 59) && text.empty();
}

bool is_web_url(std::string_view text) {
  const Cut parts = cut(text, ':');
  return (parts.before == "http" || parts.before == "https") && parts.after.starts_with("//") &&
         parts.after.size() > 2;
}

// Annotations whose values the specification restricts.
struct AnnotationRule {
  std::string_view name;
  bool (*good)(std::string_view);
  std::string_view expected;
};
constexpr std::array kAnnotationRules = {
    AnnotationRule{.name = "created", .good = is_rfc3339, .expected = "a date and time of RFC 3339"},
    AnnotationRule{.name = "documentation", .good = is_web_url, .expected = "an http or https URL"},
    AnnotationRule{.name = "homepage", .good = is_web_url, .expected = "an http or https URL"},
};
static_assert(sorted_by_name(kAnnotationRules));

}  // namespace

schema::Labels read_labels(const JsonNode& node) {
  return read_named_values<schema::Labels>(
      node, "label",
      [](const JsonNode& name_node, const AcIdentifier& name, const JsonNode&, const std::string&) {
        // The image's name is a member of its own.
        if (name == "name") name_node.complain("a label must not be called 'name'");
        return !(name == "name");
      });
}

Json labels_json(const schema::Labels& labels) { return named_values_json(labels); }

schema::Annotations read_annotations(const JsonNode& node) {
  return read_named_values<schema::Annotations>(
      node, "annotation",
      [](const JsonNode&, const AcIdentifier& name, const JsonNode& value_node, const std::string& value) {
        const auto* rule = find_by_name(kAnnotationRules, name.str());
        if (rule == nullptr || rule->good(value)) return true;
        value_node.complain_expected(rule->expected);
        return false;
      });
}

Json annotations_json(const schema::Annotations& annotations) { return named_values_json(annotations); }

schema::StringMap read_string_map(const JsonNode& node) {
  schema::StringMap map;
  node.each_member([&](const std::string& key, const JsonNode& value) {
    if (auto text = value.as_string()) map.emplace(key, *std::move(text));
  });
  return map;
}

Json string_map_json(const schema::StringMap& map) {
  ObjectWriter object;
  for (const auto& [key, value] : map) object.add(key, value);
  return object.take();
}

}  // namespace agena::codec
