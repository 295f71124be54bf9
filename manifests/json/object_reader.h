// Reading one JSON object member by member. Internal to manifests.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/base/json_node.h"
#include "manifests/schema/extra.h"

namespace agena::json {

// An object whose members are asked for by name; what was never asked for is unknown to the specification.
// The node must outlive it.
class ObjectReader {
 public:
  // A value of another type is complained about once; it then looks like an object without members.
  explicit ObjectReader(const JsonNode& node);

  bool is_object() const { return is_object_; }
  // Whether there is such a member, be it null.
  bool has(std::string_view key) const { return is_object_ && node_.raw().contains(key); }
  // nullopt if the member is absent or null.
  std::optional<JsonNode> find(std::string_view key);
  // As find(), complaining about a missing member.
  std::optional<JsonNode> require(std::string_view key);

  // The members that were not asked for, to be kept.
  schema::Extra extra() const;
  // Complains about them, where the specification fixes the members.
  void no_extra() const;

 private:
  const JsonNode& node_;
  bool is_object_;
  std::vector<std::string_view> asked_;
};

// Watches that the names in a list are unique.
class UniqueNames {
 public:
  // `what` leads the complaint: "duplicate volume name 'data'".
  explicit UniqueNames(std::string_view what) : what_(what) {}
  // Whether the name is new; complains at the node otherwise.
  bool add(const JsonNode& node, const std::string& name);

 private:
  std::string_view what_;
  std::unordered_set<std::string> seen_;
};

// Strings that end up in system calls: text without NUL characters.
std::optional<std::string> read_text(const JsonNode& node);
// As read_text(), not empty.
std::optional<std::string> read_non_empty(const JsonNode& node);
// As read_text(), starting with '/'.
std::optional<std::string> read_absolute_path(const JsonNode& node);
// An array of strings without NUL characters.
std::vector<std::string> read_texts(const JsonNode& node);

// "0755": permissions in octal, as chmod(1) takes them.
std::optional<std::uint32_t> read_mode(const JsonNode& node);

}  // namespace agena::json
