#include "manifests/life/health_check.h"

#include <algorithm>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"

namespace agena::life {
namespace {

using json_text::Json;

// What an image says is no reason to keep the host busy with nothing but checks, which are started outside
// the app's limits, nor a number to overflow with.
constexpr Nanoseconds kLeastTime = kSecond / 10;
constexpr Nanoseconds kMostTime = 24 * 3600 * kSecond;

// docker writes 0 for what was not said.
std::optional<Nanoseconds> read_time(const JsonNode& node, std::string_view key) {
  const auto member = node.find(key);
  const auto value = member ? member->as_int(0, INT64_MAX) : std::nullopt;
  return value && *value > 0 ? value : std::nullopt;
}

std::vector<std::string> read_test(const JsonNode& node) {
  std::vector<std::string> test;
  if (const auto member = node.find("Test"))
    member->each([&](const JsonNode& element) { test.push_back(element.as_string().value_or("")); });
  return test;
}

}  // namespace

HealthSettings read_health_settings(const JsonNode& node) {
  HealthSettings settings{.test = read_test(node),
                          .interval = read_time(node, "Interval"),
                          .timeout = read_time(node, "Timeout"),
                          .start_period = read_time(node, "StartPeriod")};
  const auto retries = node.find("Retries");
  const auto count = retries ? retries->as_uint(UINT32_MAX) : std::nullopt;
  if (count && *count > 0) settings.retries = static_cast<std::uint32_t>(*count);
  return settings;
}

Result<std::string> render_health_settings(const HealthSettings& settings) {
  Json json = Json::object();
  if (!settings.test.empty()) json["Test"] = settings.test;
  if (settings.interval) json["Interval"] = *settings.interval;
  if (settings.timeout) json["Timeout"] = *settings.timeout;
  if (settings.start_period) json["StartPeriod"] = *settings.start_period;
  if (settings.retries) json["Retries"] = *settings.retries;
  return json_text::dump(json);
}

Result<HealthSettings> parse_health_settings(std::string_view json) {
  const Json document = TRY_CTX(json_text::parse(json), "health check");
  JsonProblems problems("health check");
  HealthSettings settings = read_health_settings(JsonNode(document, problems));
  TRY(problems.to_result());
  return settings;
}

HealthSettings merge(const HealthSettings& over, const HealthSettings& under) {
  const auto either = [](const auto& a, const auto& b) { return a ? a : b; };
  return {.test = over.test.empty() ? under.test : over.test,
          .interval = either(over.interval, under.interval),
          .timeout = either(over.timeout, under.timeout),
          .start_period = either(over.start_period, under.start_period),
          .retries = either(over.retries, under.retries)};
}

Result<std::optional<HealthCheck>> make_health_check(const HealthSettings& settings) {
  if (settings.test.empty() || settings.test.front() == "NONE") return std::optional<HealthCheck>();
  HealthCheck check;
  const std::string& kind = settings.test.front();
  if (kind == "CMD")
    check.command.assign(settings.test.begin() + 1, settings.test.end());
  else if (kind == "CMD-SHELL" && settings.test.size() == 2)
    check.command = {"/bin/sh", "-c", settings.test.back()};
  if (check.command.empty() || check.command.front().empty())
    return fail(ErrorKind::kInvalidInput, "cannot understand the health check '{}'",
                printable(join(settings.test, " ")));
  check.interval = std::clamp(settings.interval.value_or(check.interval), kLeastTime, kMostTime);
  check.timeout = std::clamp(settings.timeout.value_or(check.timeout), kLeastTime, kMostTime);
  check.start_period = std::min(settings.start_period.value_or(check.start_period), kMostTime);
  check.retries = settings.retries.value_or(check.retries);
  return std::optional(std::move(check));
}

}  // namespace agena::life
