#include "stage1/plan/launch.h"

#include "common/contract/pod_paths.h"
#include "common/stage2/app_plan.h"
#include "common/stage2/hub_protocol.h"
#include "common/stage2/process_limits.h"
#include "manifests/schema/app_io.h"
#include "stage1/plan/confinement.h"
#include "stage1/units/pod_units.h"
#include "stage1/units/socket_units.h"

namespace agena::stage1 {
namespace {

stage2::StreamMode stream_of(schema::OutputMode mode) {
  using enum stage2::StreamMode;
  if (mode == schema::OutputMode::kNull) return kNull;
  return mode == schema::OutputMode::kTty ? kTty : kHub;
}

stage2::StreamMode stream_of(schema::InputMode mode) {
  using enum stage2::StreamMode;
  if (mode == schema::InputMode::kNull) return kNull;
  return mode == schema::InputMode::kTty ? kTty : kHub;
}

// The app's modes are for the app itself; what its handlers say is always heard.
Result<stage2::Stdio> stdio_of(const RunOptions& options, const PodApp& app, stage2::Role role) {
  using enum stage2::StreamMode;
  if (role != stage2::Role::kApp) return stage2::Stdio{kNull, kHub, kHub};
  if (options.interactive) return stage2::Stdio{kTty, kTty, kTty};
  const schema::AppIo io = TRY(schema::read_app_io(app.runtime.annotations));
  return stage2::Stdio{stream_of(io.input), stream_of(io.output), stream_of(io.error)};
}

// A check is as the app in everything, but for its program and its streams, which are those of its starter.
stage2::LaunchPlan health_plan(const stage2::LaunchPlan& app, const life::HealthCheck& check) {
  stage2::LaunchPlan plan = app;
  plan.role = stage2::Role::kHealth;
  plan.argv = check.command;
  plan.stdio = {};
  plan.hub_socket.clear();
  plan.trace = false;
  return plan;
}

}  // namespace

Result<std::vector<stage2::LaunchPlan>> plan_launches(const Pod& pod, const PodApp& app) {
  const stage2::AppContext context{app.name(), &app.app, app.docker_rules, pod.options.metadata_url};
  // One filter for all of the app's programs.
  stage2::LaunchPlan confined;
  TRY(confine(app.app, pod.options.restrictions, confined));
  // What cannot be had has been told by the supervisor.
  const stage2::ProcessLimits limits =
      TRY(stage2::process_limits(app.app, pod.options.private_users.has_value()));
  std::vector<stage2::LaunchPlan> plans;
  plans.push_back(TRY(stage2::plan_app(context)));
  for (const schema::EventHandler& handler : app.app.event_handlers)
    plans.push_back(stage2::plan_handler(context, handler));
  for (stage2::LaunchPlan& plan : plans) {
    if (pod.apps_have_mounts) {
      plan.root = "/" + app_mounts_file(app.name());
      plan.root_switch = stage2::RootSwitch::kMountNamespace;
    } else {
      plan.root = "/" + contract::pod_paths::app_root_in_stage1(app.name());
      plan.root_switch = stage2::RootSwitch::kPivotRoot;
    }
    plan.read_only_root = app.runtime.read_only_root_fs;
    plan.stdio = TRY(stdio_of(pod.options, app, plan.role));
    plan.hub_socket = stage2::kHubSocket;
    plan.trace = pod.options.trace;
    plan.bounding_set = confined.bounding_set;
    plan.private_processes = confined.private_processes;
    plan.no_new_privileges = confined.no_new_privileges;
    plan.seccomp_filter = confined.seccomp_filter;
    plan.selinux_context = confined.selinux_context;
    plan.apparmor_profile = confined.apparmor_profile;
    plan.limits = limits.limits;
    plan.oom_score_adjust = limits.oom_score_adjust;
    // From the pod's systemd, if that is who listens.
    if (plan.role == stage2::Role::kApp && listens_in_pod(pod, app))
      plan.pass_environment = {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"};
  }
  if (app.life.health) plans.push_back(health_plan(plans.front(), *app.life.health));
  if (app.life.notifies) plans.front().environment.push_back({"NOTIFY_SOCKET", kAppNotifySocket});
  return plans;
}

}  // namespace agena::stage1
