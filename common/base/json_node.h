// Typed reading of JSON that remembers where it is: every complaint carries a JSON pointer (RFC 6901), and
// all complaints of a document are collected, so that a user sees them at once. For codec sources; no
// get<T>(), at() or operator[] elsewhere.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/base/json_text.h"
#include "common/base/result.h"

namespace agena {

// Collects the complaints of one document; the first twenty are told, the others counted.
class JsonProblems {
 public:
  explicit JsonProblems(std::string document) : document_(std::move(document)) {}
  void add(const std::string& pointer, const std::string& message);
  bool empty() const { return problems_.empty(); }
  // Success, or one kInvalidInput error: "image manifest: /app/exec: expected an array, found a string;
  // /name: …".
  Result<> to_result() const;

 private:
  static constexpr std::size_t kMost = 20;
  std::string document_;
  std::vector<std::string> problems_;
  std::size_t untold_ = 0;
};

// A value inside a document, with its pointer. Cheap to copy; the document and the problems must outlive it.
// A reader of a wrong or missing value adds a problem and returns an empty value, so reading goes on to the
// end.
class JsonNode {
 public:
  JsonNode(const json_text::Json& root, JsonProblems& problems) : value_(&root), problems_(&problems) {}

  const std::string& pointer() const { return pointer_; }
  const json_text::Json& raw() const { return *value_; }

  // Adds a complaint about this value.
  void complain(const std::string& message) const { problems_->add(pointer_, message); }
  // Complains that it is not what was expected: "expected <what>, found <the value>".
  void complain_expected(std::string_view what) const;

  bool is_object() const;
  // Type of the value in words: "an object", "a string", "null".
  std::string type_name() const;
  // The value with its type, short, for messages: `string "12Q"`.
  std::string shown() const;

  // Member of an object; nullopt if it is absent or null. A non-object complains.
  std::optional<JsonNode> find(std::string_view key) const;
  // Member that must be there; complains at this object otherwise.
  std::optional<JsonNode> require(std::string_view key) const;

  // The value as a type; complains and returns nullopt if it is another.
  std::optional<std::string> as_string() const;
  std::optional<bool> as_bool() const;
  // Integers only (no fractions, no exponent that loses digits), in [min, max].
  std::optional<std::int64_t> as_int(std::int64_t min, std::int64_t max) const;
  std::optional<std::uint64_t> as_uint(std::uint64_t max = UINT64_MAX) const;

  // Calls fn for each element of an array, or each member of an object in its order; complains about another
  // type.
  void each(const std::function<void(const JsonNode&)>& fn) const;
  void each_member(const std::function<void(const std::string& key, const JsonNode&)>& fn) const;

  // The string through a `Result<T> parse(std::string_view)`-like function; complaints carry its message.
  template <class Parse>
  auto parsed(const Parse& parse) const
      -> std::optional<typename std::invoke_result_t<const Parse&, std::string_view>::value_type> {
    auto text = as_string();
    if (!text) return std::nullopt;
    auto result = parse(std::string_view(*text));
    if (result) return *std::move(result);
    complain(result.error().to_string());
    return std::nullopt;
  }

  // Complains about each member whose key is not in the list (for our own files; foreign ones keep unknown
  // members).
  void only_members(std::initializer_list<std::string_view> known) const;

 private:
  JsonNode(const json_text::Json& value, JsonProblems& problems, std::string pointer)
      : value_(&value), problems_(&problems), pointer_(std::move(pointer)) {}
  std::optional<JsonNode> expected(std::string_view what) const;

  const json_text::Json* value_;
  JsonProblems* problems_;
  std::string pointer_;
};

}  // namespace agena
