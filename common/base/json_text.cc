#include "common/base/json_text.h"

#include <set>
#include <vector>

#include "common/base/strings.h"

namespace agena::json_text {
namespace {

// What the parser's callback watches while values arrive.
struct Watch {
  std::size_t max_depth;
  std::vector<std::set<std::string>> keys;  // one set per open object
  std::string problem;

  // Called for every event; false discards the value, which ends in a refusal of the document anyway.
  bool on_event(int depth, nlohmann::json::parse_event_t event, const Json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (!problem.empty()) return false;
    if (static_cast<std::size_t>(depth) > max_depth)
      problem = fmt::format("nested deeper than {} levels", max_depth);
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end && !keys.empty()) keys.pop_back();
    if (event == Event::key && !keys.empty()) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second) problem = fmt::format("duplicate key '{}'", printable(key));
    }
    return problem.empty();
  }
};

// nlohmann reports position and token in a bracketed prefix; keep what a person can use.
std::string readable(const std::string& what) {
  const std::size_t at = what.find("] ");
  return at == std::string::npos ? what : what.substr(at + 2);
}

}  // namespace

Result<Json> parse(std::string_view bytes, const Limits& limits) {
  if (bytes.size() > limits.max_bytes)
    return fail(ErrorKind::kInvalidInput, "JSON document of {} bytes is larger than the limit of {}",
                bytes.size(), limits.max_bytes);
  if (!is_utf8(bytes)) return fail(ErrorKind::kInvalidInput, "JSON document is not UTF-8");
  Watch watch{limits.max_depth, {}, {}};
  try {
    Json value = Json::parse(bytes, [&watch](int depth, nlohmann::json::parse_event_t event, Json& parsed) {
      return watch.on_event(depth, event, parsed);
    });
    if (!watch.problem.empty()) return fail(ErrorKind::kInvalidInput, "JSON: {}", watch.problem);
    return value;
  } catch (const std::exception& e) {
    return fail(ErrorKind::kInvalidInput, "JSON: {}", printable(readable(e.what())));
  }
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
