#include <algorithm>

#include "common/base/json_node.h"
#include "common/stage2/launch_plan.h"
#include "common/sys/seccomp.h"

namespace agena::stage2 {
namespace {

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

// Texts become C strings: one with a NUL would be cut silently.
void check_text(JsonProblems& problems, const std::string& pointer, const std::string& text) {
  if (has_nul(text)) problems.add(pointer, "text with a NUL character");
}

void check_absolute(JsonProblems& problems, const std::string& pointer, const std::string& path) {
  if (!path.starts_with('/')) problems.add(pointer, fmt::format("'{}' is not an absolute path", path));
}

void check_texts(JsonProblems& problems, const LaunchPlan& plan) {
  check_text(problems, "/app", plan.app);
  check_text(problems, "/root", plan.root);
  check_text(problems, "/workingDirectory", plan.working_directory);
  check_text(problems, "/user", plan.user);
  check_text(problems, "/group", plan.group);
  check_text(problems, "/hubSocket", plan.hub_socket);
  check_text(problems, "/selinuxContext", plan.selinux_context);
  check_text(problems, "/apparmorProfile", plan.apparmor_profile);
  for (std::size_t i = 0; i < plan.argv.size(); ++i)
    check_text(problems, fmt::format("/argv/{}", i), plan.argv[i]);
}

void check_variable_name(JsonProblems& problems, const std::string& pointer, const std::string& name) {
  if (name.empty() || name.find('=') != std::string::npos || has_nul(name))
    problems.add(pointer, "a variable's name is not empty and has no '=' and no NUL character");
}

void check_environment(JsonProblems& problems, const LaunchPlan& plan) {
  for (std::size_t i = 0; i < plan.environment.size(); ++i) {
    check_variable_name(problems, fmt::format("/environment/{}/name", i), plan.environment[i].name);
    check_text(problems, fmt::format("/environment/{}/value", i), plan.environment[i].value);
  }
  for (std::size_t i = 0; i < plan.pass_environment.size(); ++i)
    check_variable_name(problems, fmt::format("/passEnvironment/{}", i), plan.pass_environment[i]);
}

void check_root(JsonProblems& problems, const LaunchPlan& plan) {
  if (plan.root_switch != RootSwitch::kNone) {
    check_absolute(problems, "/root", plan.root);
    return;
  }
  if (!plan.root.empty()) problems.add("/root", "a root that is not switched to");
  if (plan.read_only_root) problems.add("/readOnlyRoot", "needs a root of its own");
}

void check_limits(JsonProblems& problems, const LaunchPlan& plan) {
  for (std::size_t i = 0; i < plan.limits.size(); ++i) {
    const sys::ResourceLimit& limit = plan.limits[i];
    const std::string pointer = fmt::format("/limits/{}", i);
    if (sys::resource_name(limit.resource).empty())
      problems.add(pointer, fmt::format("no resource has the number {}", limit.resource));
    if (limit.soft > limit.hard) problems.add(pointer, "the soft limit is above the hard one");
    const auto same = [&](const sys::ResourceLimit& other) { return other.resource == limit.resource; };
    if (std::any_of(plan.limits.begin(), plan.limits.begin() + static_cast<std::ptrdiff_t>(i), same))
      problems.add(pointer, fmt::format("{} is there twice", sys::resource_name(limit.resource)));
  }
  if (plan.oom_score_adjust && (*plan.oom_score_adjust < -1000 || *plan.oom_score_adjust > 1000))
    problems.add("/oomScoreAdjust", "not from -1000 to 1000");
  if (plan.nice && (*plan.nice < -20 || *plan.nice > 19)) problems.add("/nice", "not from -20 to 19");
}

void check_stdio(JsonProblems& problems, const LaunchPlan& plan) {
  const bool wants_hub = std::ranges::any_of(
      std::array{plan.stdio.input, plan.stdio.output, plan.stdio.error},
      [](StreamMode mode) { return mode == StreamMode::kHub || mode == StreamMode::kTty; });
  if (wants_hub && plan.hub_socket.empty()) problems.add("/hubSocket", "a stream of 'stdio' needs a hub");
  if (!plan.hub_socket.empty()) check_absolute(problems, "/hubSocket", plan.hub_socket);
}

}  // namespace

Result<> validate_launch_plan(const LaunchPlan& plan) {
  JsonProblems problems("launch plan");
  if (plan.app.empty()) problems.add("/app", "must not be empty");
  if (plan.argv.empty() || plan.argv[0].empty()) problems.add("/argv", "no program");
  check_texts(problems, plan);
  check_absolute(problems, "/workingDirectory", plan.working_directory);
  check_environment(problems, plan);
  check_root(problems, plan);
  if (std::ranges::find(plan.supplementary_gids, UINT32_MAX) != plan.supplementary_gids.end())
    problems.add("/supplementaryGids", fmt::format("{} is not a group", UINT32_MAX));
  check_limits(problems, plan);
  check_stdio(problems, plan);
  if (!plan.seccomp_filter.empty() && !sys::is_seccomp_filter(plan.seccomp_filter))
    problems.add("/seccompFilter", "not a filter: its size is wrong");
  return problems.to_result();
}

}  // namespace agena::stage2
