#include "common/contract/app_life_file.h"

#include <array>

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"

namespace agena::contract {
namespace {

using json_text::Json;

constexpr int kVersion = 1;
constexpr std::size_t kMaxBytes = 64U << 10U;

struct HealthRow {
  std::string_view name;
  Health value;
};
constexpr std::array kHealthNames = {
    HealthRow{"healthy", Health::kHealthy},
    HealthRow{"starting", Health::kStarting},
    HealthRow{"unhealthy", Health::kUnhealthy},
};
static_assert(sorted_by_name(kHealthNames));

// What comes from the app may be any bytes.
std::string text_of(const std::string& bytes) { return is_utf8(bytes) ? bytes : printable(bytes); }

template <class Value>
void set(Json& json, const char* key, const std::optional<Value>& value) {
  if (value) json[key] = *value;
}

std::optional<Nanoseconds> read_time(const JsonNode& node, std::string_view key) {
  const auto member = node.find(key);
  return member ? member->as_int(0, INT64_MAX) : std::nullopt;
}

std::uint32_t read_count(const JsonNode& node, std::string_view key) {
  const auto member = node.find(key);
  return member ? static_cast<std::uint32_t>(member->as_uint(UINT32_MAX).value_or(0)) : 0;
}

std::string read_text(const JsonNode& node, std::string_view key) {
  const auto member = node.find(key);
  return member ? member->as_string().value_or("") : "";
}

std::optional<Health> read_health(const JsonNode& node) {
  const auto member = node.find("health");
  if (!member) return std::nullopt;
  const HealthRow* row = find_by_name(kHealthNames, member->as_string().value_or(""));
  if (row == nullptr) member->complain_expected("a state of health");
  return row == nullptr ? std::nullopt : std::optional(row->value);
}

}  // namespace

std::string_view to_string(Health health) { return row_for(kHealthNames, health).name; }

Result<std::string> render_app_life(const AppLifeStatus& status) {
  Json json = {{"version", kVersion}, {"restarts", status.restarts}};
  set(json, "lastExitCode", status.last_exit_code);
  set(json, "lastExitAt", status.last_exit_at);
  if (!status.last_signal.empty()) json["lastSignal"] = status.last_signal;
  set(json, "startedAt", status.started_at);
  set(json, "restartAt", status.restart_at);
  set(json, "ready", status.ready);
  if (!status.status_text.empty()) json["status"] = text_of(status.status_text);
  if (status.health) {
    json["health"] = to_string(*status.health);
    json["healthFailures"] = status.health_failures;
    json["healthOutput"] = text_of(status.health_output);
  }
  return json_text::dump(json);
}

Result<AppLifeStatus> parse_app_life(std::string_view json) {
  const Json document = TRY_CTX(json_text::parse(json), "life of an app");
  JsonProblems problems("life of an app");
  const JsonNode node(document, problems);
  AppLifeStatus status{.restarts = read_count(node, "restarts"),
                       .last_exit_at = read_time(node, "lastExitAt"),
                       .last_signal = read_text(node, "lastSignal"),
                       .started_at = read_time(node, "startedAt"),
                       .restart_at = read_time(node, "restartAt"),
                       .status_text = read_text(node, "status"),
                       .health = read_health(node),
                       .health_failures = read_count(node, "healthFailures"),
                       .health_output = read_text(node, "healthOutput")};
  const auto code = node.find("lastExitCode");
  const auto number = code ? code->as_int(0, 255) : std::nullopt;
  if (number) status.last_exit_code = static_cast<int>(*number);
  if (const auto ready = node.find("ready")) status.ready = ready->as_bool();
  TRY(problems.to_result());
  return status;
}

Result<> write_app_life(const sys::DirFd& stage1_root, std::string_view app, const AppLifeStatus& status) {
  return sys::replace_file(stage1_root, pod_paths::app_life(app), TRY(render_app_life(status)));
}

Result<std::optional<AppLifeStatus>> read_app_life(const sys::DirFd& stage1_root, std::string_view app) {
  const std::string path = pod_paths::app_life(app);
  const auto text = sys::read_file(stage1_root, path, kMaxBytes);
  if (!text && text.error().sys_errno() == ENOENT) return std::optional<AppLifeStatus>();
  if (!text) return std::unexpected(text.error());
  return std::optional(TRY_CTX(parse_app_life(*text), "file '{}'", path));
}

}  // namespace agena::contract
