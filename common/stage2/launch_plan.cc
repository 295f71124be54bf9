#include "common/stage2/launch_plan.h"

#include "common/base/json_node.h"
#include "common/base/json_text.h"
#include "common/stage2/plan_names.h"

namespace agena::stage2 {
namespace {

using json_text::Json;

constexpr const char* kDocument = "launch plan";
constexpr const char* kUnlimitedText = "unlimited";

Json limit_value(std::uint64_t value) {
  return value == sys::kUnlimited ? Json(kUnlimitedText) : Json(value);
}

Json limits_json(const std::vector<sys::ResourceLimit>& limits) {
  Json list = Json::array();
  for (const sys::ResourceLimit& limit : limits)
    list.push_back({{"resource", sys::resource_name(limit.resource)},
                    {"soft", limit_value(limit.soft)},
                    {"hard", limit_value(limit.hard)}});
  return list;
}

Json environment_json(const std::vector<EnvironmentVariable>& environment) {
  Json list = Json::array();
  for (const EnvironmentVariable& variable : environment)
    list.push_back({{"name", variable.name}, {"value", variable.value}});
  return list;
}

Json to_json(const LaunchPlan& plan) {
  Json json = {
      {"version", kLaunchPlanVersion},
      {"app", plan.app},
      {"role", name_in(kRoleNames, plan.role)},
      {"root", plan.root},
      {"rootSwitch", name_in(kRootSwitchNames, plan.root_switch)},
      {"readOnlyRoot", plan.read_only_root},
      {"argv", plan.argv},
      {"environment", environment_json(plan.environment)},
      {"passEnvironment", plan.pass_environment},
      {"workingDirectory", plan.working_directory},
      {"createWorkingDirectory", plan.create_working_directory},
      {"user", plan.user},
      {"group", plan.group},
      {"supplementaryGids", plan.supplementary_gids},
      {"limits", limits_json(plan.limits)},
  };
  if (plan.oom_score_adjust) json["oomScoreAdjust"] = *plan.oom_score_adjust;
  if (plan.nice) json["nice"] = *plan.nice;
  if (plan.bounding_set) json["boundingSet"] = plan.bounding_set->names();
  json["privateProcesses"] = plan.private_processes;
  json["noNewPrivileges"] = plan.no_new_privileges;
  if (!plan.selinux_context.empty()) json["selinuxContext"] = plan.selinux_context;
  if (!plan.apparmor_profile.empty()) json["apparmorProfile"] = plan.apparmor_profile;
  if (!plan.seccomp_filter.empty()) json["seccompFilter"] = to_hex(plan.seccomp_filter);
  json["stdio"] = {{"input", name_in(kStreamModeNames, plan.stdio.input)},
                   {"output", name_in(kStreamModeNames, plan.stdio.output)},
                   {"error", name_in(kStreamModeNames, plan.stdio.error)}};
  json["hubSocket"] = plan.hub_socket;
  if (plan.trace) json["trace"] = true;
  return json;
}

// Readers of optional members: the target keeps its default when the member is absent.

void read_text(const JsonNode& object, std::string_view key, std::string& target) {
  if (const auto node = object.find(key))
    if (auto text = node->as_string()) target = *std::move(text);
}

void read_bool(const JsonNode& object, std::string_view key, bool& target) {
  if (const auto node = object.find(key)) target = node->as_bool().value_or(target);
}

void read_int(const JsonNode& object, std::string_view key, int min, int max, std::optional<int>& target) {
  const auto node = object.find(key);
  if (!node) return;
  if (const auto number = node->as_int(min, max)) target = static_cast<int>(*number);
}

template <class Enum, class Table>
void read_enum(const JsonNode& object, std::string_view key, const Table& table, Enum& target) {
  if (const auto node = object.find(key)) target = read_name<Enum>(*node, table).value_or(target);
}

void read_texts(const JsonNode& object, std::string_view key, std::vector<std::string>& target) {
  if (const auto list = object.find(key))
    list->each([&](const JsonNode& node) {
      if (auto text = node.as_string()) target.push_back(*std::move(text));
    });
}

void read_environment(const JsonNode& list, std::vector<EnvironmentVariable>& environment) {
  list.each([&](const JsonNode& node) {
    node.only_members({"name", "value"});
    const auto name = node.require("name");
    const auto value = node.require("value");
    if (!name || !value) return;
    environment.push_back({name->as_string().value_or(""), value->as_string().value_or("")});
  });
}

std::uint64_t read_limit_value(const JsonNode& node) {
  if (node.raw().is_string()) {
    if (node.as_string() != kUnlimitedText)
      node.complain(fmt::format("expected a number or '{}', found {}", kUnlimitedText, node.shown()));
    return sys::kUnlimited;
  }
  return node.as_uint(sys::kUnlimited - 1).value_or(0);
}

void read_limits(const JsonNode& list, std::vector<sys::ResourceLimit>& limits) {
  list.each([&](const JsonNode& node) {
    node.only_members({"resource", "soft", "hard"});
    const auto resource = node.require("resource");
    const auto soft = node.require("soft");
    const auto hard = node.require("hard");
    if (!resource || !soft || !hard) return;
    limits.push_back({.resource = resource->parsed(sys::parse_resource).value_or(0),
                      .soft = read_limit_value(*soft),
                      .hard = read_limit_value(*hard)});
  });
}

void read_capabilities(const JsonNode& list, std::optional<sys::CapabilitySet>& target) {
  sys::CapabilitySet set;
  list.each([&](const JsonNode& node) {
    if (const auto capability = node.parsed(sys::parse_capability)) set.add(*capability);
  });
  target = set;
}

void read_stdio(const JsonNode& object, Stdio& stdio) {
  object.only_members({"input", "output", "error"});
  read_enum(object, "input", kStreamModeNames, stdio.input);
  read_enum(object, "output", kStreamModeNames, stdio.output);
  read_enum(object, "error", kStreamModeNames, stdio.error);
}

void read_root(const JsonNode& node, LaunchPlan& plan) {
  read_text(node, "root", plan.root);
  read_enum(node, "rootSwitch", kRootSwitchNames, plan.root_switch);
  read_bool(node, "readOnlyRoot", plan.read_only_root);
}

void read_program(const JsonNode& node, LaunchPlan& plan) {
  (void)node.require("argv");
  read_texts(node, "argv", plan.argv);
  if (const auto list = node.find("environment")) read_environment(*list, plan.environment);
  read_texts(node, "passEnvironment", plan.pass_environment);
  read_text(node, "workingDirectory", plan.working_directory);
  read_bool(node, "createWorkingDirectory", plan.create_working_directory);
}

void read_rights(const JsonNode& node, LaunchPlan& plan) {
  read_text(node, "user", plan.user);
  read_text(node, "group", plan.group);
  if (const auto list = node.find("supplementaryGids"))
    list->each([&](const JsonNode& gid) {
      plan.supplementary_gids.push_back(static_cast<gid_t>(gid.as_uint(UINT32_MAX - 1).value_or(0)));
    });
  if (const auto list = node.find("limits")) read_limits(*list, plan.limits);
  read_int(node, "oomScoreAdjust", -1000, 1000, plan.oom_score_adjust);
  read_int(node, "nice", -20, 19, plan.nice);
  if (const auto list = node.find("boundingSet")) read_capabilities(*list, plan.bounding_set);
  read_bool(node, "privateProcesses", plan.private_processes);
  read_bool(node, "noNewPrivileges", plan.no_new_privileges);
  read_text(node, "selinuxContext", plan.selinux_context);
  read_text(node, "apparmorProfile", plan.apparmor_profile);
  if (const auto filter = node.find("seccompFilter"))
    plan.seccomp_filter = filter->parsed(from_hex).value_or("");
}

LaunchPlan from_json(const JsonNode& node) {
  node.only_members({"version",
                     "app",
                     "role",
                     "root",
                     "rootSwitch",
                     "readOnlyRoot",
                     "argv",
                     "environment",
                     "passEnvironment",
                     "workingDirectory",
                     "createWorkingDirectory",
                     "user",
                     "group",
                     "supplementaryGids",
                     "limits",
                     "oomScoreAdjust",
                     "nice",
                     "boundingSet",
                     "privateProcesses",
                     "noNewPrivileges",
                     "selinuxContext",
                     "apparmorProfile",
                     "seccompFilter",
                     "stdio",
                     "hubSocket",
                     "trace"});
  if (const auto version = node.require("version"))
    (void)version->as_int(kLaunchPlanVersion, kLaunchPlanVersion);
  LaunchPlan plan;
  if (const auto app = node.require("app")) plan.app = app->as_string().value_or("");
  read_enum(node, "role", kRoleNames, plan.role);
  read_root(node, plan);
  read_program(node, plan);
  read_rights(node, plan);
  if (const auto stdio = node.find("stdio")) read_stdio(*stdio, plan.stdio);
  read_text(node, "hubSocket", plan.hub_socket);
  read_bool(node, "trace", plan.trace);
  return plan;
}

}  // namespace

Result<std::string> render_launch_plan(const LaunchPlan& plan) {
  TRY(validate_launch_plan(plan));
  return TRY_CTX(json_text::dump_pretty(to_json(plan)), "{} of app '{}'", kDocument, printable(plan.app));
}

Result<LaunchPlan> parse_launch_plan(std::string_view json) {
  const Json document = TRY_CTX(json_text::parse(json), "{}", kDocument);
  JsonProblems problems(kDocument);
  LaunchPlan plan = from_json(JsonNode(document, problems));
  TRY(problems.to_result());
  TRY(validate_launch_plan(plan));
  return plan;
}

}  // namespace agena::stage2
