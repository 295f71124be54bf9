#include "stage0/cli/life_flags.h"

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/sys/signals.h"

namespace agena::stage0 {

Result<int> parse_signal_flag(std::string_view text) { return sys::parse_signal(text); }

Result<std::vector<std::string>> parse_health_command(std::string_view text) {
  if (trim(text).empty()) return fail(ErrorKind::kInvalidInput, "the value is empty");
  if (text == "none") return std::vector<std::string>{"NONE"};
  if (!text.starts_with('[')) return std::vector<std::string>{"CMD-SHELL", std::string(text)};
  const auto json = TRY(json_text::parse(text));
  JsonProblems problems("the array");
  std::vector<std::string> test = {"CMD"};
  JsonNode(json, problems).each([&](const JsonNode& element) {
    test.push_back(element.as_string().value_or(""));
  });
  TRY(problems.to_result());
  if (test.size() == 1) return fail(ErrorKind::kInvalidInput, "the array names no program");
  return test;
}

Result<Nanoseconds> parse_span(std::string_view text) {
  const Nanoseconds span = TRY(parse_duration(text));
  if (span > 0) return span;
  return fail(ErrorKind::kInvalidInput, "'{}' is no time span above 0", printable(text));
}

Result<bool> parse_notify_mode(std::string_view text) { return text == "app" || text == "container"; }

Result<std::uint32_t> parse_count(std::string_view text) {
  const auto count = TRY(parse_uint(text, UINT32_MAX));
  if (count == 0) return fail(ErrorKind::kInvalidInput, "0 is no count");
  return static_cast<std::uint32_t>(count);
}

}  // namespace agena::stage0
