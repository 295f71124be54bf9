#include "stage1/plan/launch.h"

#include "common/contract/pod_paths.h"
#include "common/stage2/app_plan.h"
#include "common/stage2/hub_protocol.h"

namespace agena::stage1 {

namespace {

// rkt's and docker's default set (rkt-compatible; docs/stage1-contract.md).
const std::vector<std::string>& default_capabilities() {
  static const std::vector<std::string> names = {
      "CAP_AUDIT_WRITE", "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FSETID",    "CAP_FOWNER",
      "CAP_KILL",        "CAP_MKNOD",  "CAP_NET_RAW",      "CAP_SETFCAP",   "CAP_NET_BIND_SERVICE",
      "CAP_SETUID",      "CAP_SETGID", "CAP_SETPCAP",      "CAP_SYS_CHROOT"};
  return names;
}

const schema::CapabilitySet* capability_isolator(const schema::App& app, schema::IsolatorKind kind) {
  const schema::Isolator* isolator = schema::find_isolator(app.isolators, kind);
  return isolator == nullptr ? nullptr : std::get_if<schema::CapabilitySet>(&isolator->value);
}

}  // namespace

Result<sys::CapabilitySet> bounding_set(const schema::App& app) {
  const auto* retain = capability_isolator(app, schema::IsolatorKind::kCapabilitiesRetain);
  const auto* remove = capability_isolator(app, schema::IsolatorKind::kCapabilitiesRemove);
  if (retain != nullptr && remove != nullptr)
    return fail(ErrorKind::kInvalidInput,
                "isolators os/linux/capabilities-retain-set and -remove-set exclude each other");
  if (retain != nullptr) return sys::CapabilitySet::parse(retain->names);
  const sys::CapabilitySet standard = TRY(sys::CapabilitySet::parse(default_capabilities()));
  return remove == nullptr ? standard : standard.without(TRY(sys::CapabilitySet::parse(remove->names)));
}

namespace {

bool no_new_privileges(const schema::App& app) {
  const schema::Isolator* isolator =
      schema::find_isolator(app.isolators, schema::IsolatorKind::kNoNewPrivileges);
  const auto* value = isolator == nullptr ? nullptr : std::get_if<schema::NoNewPrivileges>(&isolator->value);
  return value != nullptr && value->enabled;
}

stage2::Stdio stdio_of(const RunOptions& options, stage2::Role role) {
  using enum stage2::StreamMode;
  if (options.interactive && role == stage2::Role::kApp) return {kTty, kTty, kTty};
  return {kNull, kHub, kHub};
}

}  // namespace

Result<std::vector<stage2::LaunchPlan>> plan_launches(const Pod& pod, const PodApp& app) {
  const stage2::AppContext context{app.name(), &app.app, app.docker_rules, pod.options.metadata_url};
  std::vector<stage2::LaunchPlan> plans;
  plans.push_back(TRY(stage2::plan_app(context)));
  for (const schema::EventHandler& handler : app.app.event_handlers)
    plans.push_back(stage2::plan_handler(context, handler));
  for (stage2::LaunchPlan& plan : plans) {
    plan.root = "/" + contract::pod_paths::app_root_in_stage1(app.name());
    plan.root_switch = stage2::RootSwitch::kPivotRoot;
    plan.read_only_root = app.runtime.read_only_root_fs;
    plan.stdio = stdio_of(pod.options, plan.role);
    plan.hub_socket = stage2::kHubSocket;
    plan.no_new_privileges = no_new_privileges(app.app);
    if (pod.options.restrict_capabilities) plan.bounding_set = TRY(bounding_set(app.app));
  }
  return plans;
}

}  // namespace agena::stage1
