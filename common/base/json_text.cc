#include "common/base/json_text.h"

#include <algorithm>
#include <vector>

#include "common/base/secret_json.h"
#include "common/base/strings.h"

namespace agena::json_text {
namespace {

// nlohmann reports its exception's name in brackets and may quote a whole string of the document; keep what a
// person can use.
std::string readable(std::string_view what) {
  constexpr std::size_t kMost = 240;
  const std::size_t at = what.find("] ");
  if (at != std::string_view::npos) what.remove_prefix(at + 2);
  return printable(utf8_prefix(what, kMost)) + (what.size() > kMost ? "…" : "");
}

// Line and column only: "parse error at line 1, column 5". What comes behind them may quote the document.
std::string place_only(std::string_view what) {
  const std::string text = readable(what);
  const Cut place = cut(text, ':');
  return place.before.starts_with("parse error at line ") ? std::string(place.before) : "not a JSON document";
}

// A key that occurs twice in an object, or nullptr.
const std::string* duplicate_key(const Json::object_t& object) {
  constexpr std::size_t kFew = 16;
  if (object.size() <= kFew) {
    for (auto it = object.begin(); it != object.end(); ++it)
      for (auto earlier = object.begin(); earlier != it; ++earlier)
        if (earlier->first == it->first) return &it->first;
    return nullptr;
  }
  std::vector<const std::string*> keys;
  keys.reserve(object.size());
  for (const auto& member : object) keys.push_back(&member.first);
  std::ranges::sort(keys, {}, [](const std::string* key) -> const std::string& { return *key; });
  auto twin = std::ranges::adjacent_find(keys, [](const auto* a, const auto* b) { return *a == *b; });
  return twin == keys.end() ? nullptr : *twin;
}

// Builds the value from the parser's events. It is ours because nlohmann's own looks through all members of
// an object for each one that it adds: a hostile document of 4 MiB would take minutes.
class Builder {
 public:
  Builder(const Limits& limits, bool secret) : limits_(limits), secret_(secret) {}

  bool null() { return add(nullptr) != nullptr; }
  bool boolean(bool value) { return add(value) != nullptr; }
  bool number_integer(Json::number_integer_t value) { return add(value) != nullptr; }
  bool number_unsigned(Json::number_unsigned_t value) { return add(value) != nullptr; }
  bool number_float(Json::number_float_t value, const std::string& /*text*/) { return add(value) != nullptr; }
  bool string(std::string& value) { return add(std::move(value)) != nullptr; }
  bool binary(Json::binary_t& /*value*/) { return false; }  // JSON text has none
  bool start_object(std::size_t /*size*/) { return open(Json::value_t::object); }
  bool start_array(std::size_t /*size*/) { return open(Json::value_t::array); }
  bool end_array() {
    open_.pop_back();
    return true;
  }
  bool end_object() {
    const std::string* key = duplicate_key(open_.back()->get_ref<const Json::object_t&>());
    if (key != nullptr)
      problem_ = secret_ ? "a duplicate key" : fmt::format("duplicate key '{}'", printable(*key));
    open_.pop_back();
    return key == nullptr;
  }
  bool key(std::string& value) {
    key_ = std::move(value);
    return true;
  }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/, const nlohmann::json::exception& error) {
    problem_ = secret_ ? place_only(error.what()) : readable(error.what());
    return false;
  }

  const std::string& problem() const { return problem_; }
  Json take() { return std::move(root_); }

 private:
  // The new value's place. Places of open containers stay valid, since their parents grow only after they are
  // closed.
  Json* add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) return &parent.get_ref<Json::array_t&>().emplace_back(std::move(value));
    // The vector below the map appends without a search; duplicates are found when the object ends.
    Json::object_t::Container& members = parent.get_ref<Json::object_t&>();
    return &members.emplace_back(std::move(key_), std::move(value)).second;
  }

  bool open(Json::value_t type) {
    if (open_.size() >= limits_.max_depth) {
      problem_ = fmt::format("nested deeper than {} levels", limits_.max_depth);
      return false;
    }
    open_.push_back(add(type));
    return true;
  }

  const Limits& limits_;
  const bool secret_;
  Json root_;
  std::vector<Json*> open_;
  std::string key_;
  std::string problem_;
};

Result<Json> parse_text(std::string_view bytes, const Limits& limits, bool secret) {
  if (bytes.size() > limits.max_bytes)
    return fail(ErrorKind::kInvalidInput, "JSON document of {} bytes is larger than the limit of {}",
                bytes.size(), limits.max_bytes);
  if (!is_utf8(bytes)) return fail(ErrorKind::kInvalidInput, "JSON document is not UTF-8");
  Builder builder(limits, secret);
  try {
    if (!Json::sax_parse(bytes.begin(), bytes.end(), &builder))
      return fail(ErrorKind::kInvalidInput, "JSON: {}", builder.problem());
    return builder.take();
  } catch (const std::exception& e) {
    return fail(ErrorKind::kInvalidInput, "JSON: {}", secret ? place_only(e.what()) : readable(e.what()));
  }
}

}  // namespace

Result<Json> parse(std::string_view bytes, const Limits& limits) { return parse_text(bytes, limits, false); }

Result<Json> parse_secret(std::string_view bytes, const Limits& limits) {
  return parse_text(bytes, limits, true);
}

namespace {

Result<std::string> dump_with(const Json& value, int indent) {
  try {
    return value.dump(indent, '\t');
  } catch (const std::exception& e) {
    return fail(ErrorKind::kInvalidInput, "writing JSON: {}", readable(e.what()));
  }
}

}  // namespace

Result<std::string> dump(const Json& value) { return dump_with(value, -1); }
Result<std::string> dump_pretty(const Json& value) { return dump_with(value, 1); }

}  // namespace agena::json_text
