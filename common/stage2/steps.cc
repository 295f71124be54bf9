#include "common/stage2/steps.h"

#include <array>

#include "common/base/strings.h"
#include "common/stage2/exit_codes.h"
#include "common/stage2/step_bodies.h"

namespace agena::stage2 {
namespace {

constexpr std::array kSteps = {
    // First: 0 to 2 must be taken before anything else is opened, the hub's socket and /dev/null are in the
    // old
    // root, and every later failure is told through the hub.
    LaunchStep{"standard streams", kExitStdio, open_standard_streams},
    // Before the rights to take a terminal are gone.
    LaunchStep{"controlling terminal", kExitStdio, take_terminal},
    // Before the root switch: an app's root need not have a /proc.
    LaunchStep{"OOM score", kExitOomScore, set_oom_score},
    // For the same reason.
    LaunchStep{"security attributes", kExitSelinux, open_security_attributes},
    // Needs CAP_SYS_ADMIN or CAP_SYS_CHROOT, and all that follows looks things up in the new root.
    LaunchStep{"root", kExitRoot, switch_to_root},
    // In the new root's databases, which the app's user need not be able to read.
    LaunchStep{"user and group", kExitUser, look_up_identity},
    // Needs the identity; changing an owner needs CAP_CHOWN.
    LaunchStep{"owner of the standard streams", kExitStdio, give_streams_to_user},
    // May have to be created, as root.
    LaunchStep{"working directory", kExitWorkingDirectory, enter_working_directory},
    // Raising hard limits or priority needs CAP_SYS_RESOURCE and CAP_SYS_NICE. As late as they can be,
    // because a
    // low limit counts for the steps behind it as well.
    LaunchStep{"nice level", kExitNice, set_nice},
    LaunchStep{"resource limits", kExitLimits, set_limits},
    // Groups before the user: without user 0 there is no CAP_SETGID.
    LaunchStep{"group", kExitGroup, change_groups},
    // Needs CAP_SETPCAP, which goes with user 0. Dropping CAP_SETUID from the bounding set does not touch the
    // permitted set, so the user can still be changed.
    LaunchStep{"capability bounding set", kExitCapabilities, drop_bounding_set},
    // Needs CAP_SYS_ADMIN.
    LaunchStep{"process domain", kExitCapabilities, enter_domain},
    LaunchStep{"user", kExitUser, change_user},
    // After the user, whose change rewrites the sets (capabilities(7), "Effect of user ID changes").
    LaunchStep{"capabilities", kExitCapabilities, set_capabilities},
    LaunchStep{"no new privileges", kExitNoNewPrivileges, forbid_new_privileges},
    // With the app's rights: a directory of PATH that its user cannot search must not end the search.
    LaunchStep{"program", 0, look_up_program},
    // Descriptors are only marked here, so that a failing exec can still be told to the hub.
    LaunchStep{"descriptors", kExitDescriptors, mark_descriptors},
    // Count from the exec on, so that nothing in between is under a label of the app's.
    LaunchStep{"SELinux context", kExitSelinux, set_selinux_context},
    LaunchStep{"AppArmor profile", kExitApparmor, set_apparmor_profile},
    // Nothing may stand behind it but the exec: the filter is the user's and may forbid anything else. Needs
    // no-new-privileges, or CAP_SYS_ADMIN, which set_capabilities() left for it.
    LaunchStep{"system call filter", kExitSeccomp, install_filter},
    LaunchStep{"program", 0, execute_program},
};

// What is being started, for messages.
std::string subject(const LaunchPlan& plan) {
  const std::string app = fmt::format("app '{}'", printable(plan.app));
  if (plan.role == Role::kHealth) return fmt::format("the health check of {}", app);
  return plan.role == Role::kApp ? app : fmt::format("the {} handler of {}", to_string(plan.role), app);
}

int exit_code_of(const LaunchStep& step, const Error& error) {
  if (step.exit_code != 0) return step.exit_code;
  return error.kind() == ErrorKind::kNotFound ? kExitNotFound : kExitCannotExecute;
}

// The sentence of a failure. A step that decides by its error has a message that stands by itself.
std::string sentence(const LaunchPlan& plan, const LaunchStep& step, const Error& error) {
  if (step.exit_code == 0) return fmt::format("cannot start {}: {}", subject(plan), error.to_string());
  return fmt::format("cannot start {}: {}: {}", subject(plan), step.name, error.to_string());
}

// The step before which the trace is told what was done: behind it only the exec is allowed.
bool is_last_chance(const LaunchStep& step) { return step.run == install_filter; }

bool is_traced(const LaunchPlan& plan) { return plan.trace || trace::enabled(); }

// To the trace if this process has it (fly, which is the last to write then), or else to the hub. A trace
// that cannot be told is no reason not to start.
void tell_trace(LaunchState& state) {
  if (state.spans.empty()) return;
  if (trace::enabled()) {
    const trace::Row row{trace::own_row().pid, trace::Lane::kStage2};
    std::string events = trace::render_names(row, {});
    for (const trace::Span& span : state.spans) events += trace::render_span(row, span);
    trace::append(events);
    trace::finish();
  } else if (state.hub) {
    (void)state.hub->report_steps({state.spans});
  }
  state.spans.clear();
}

LaunchFailure give_up(LaunchState& state, const LaunchStep& step, const Error& error) {
  const LaunchPlan& plan = state.plan;
  LaunchFailure failure{
      .step = step.name, .exit_code = exit_code_of(step, error), .text = sentence(plan, step, error)};
  tell_trace(state);
  // A hub that cannot be told leaves the sentence to the caller.
  failure.told_hub =
      state.hub &&
      state.hub->report_failure({plan.app, plan.role, failure.text, failure.exit_code}).has_value();
  return failure;
}

// One step, and what it took.
Result<> carry_out(const LaunchStep& step, LaunchState& state) {
  if (!is_traced(state.plan)) return step.run(state);
  if (is_last_chance(step)) tell_trace(state);
  const Nanoseconds start = monotonic_now();
  auto done = step.run(state);
  state.spans.push_back({std::string(step.name), start, monotonic_now()});
  return done;
}

}  // namespace

std::span<const LaunchStep> launch_steps() { return kSteps; }

LaunchFailure launch(const LaunchPlan& plan, const LaunchOptions& options) {
  LaunchState state{.plan = plan, .options = options};
  if (options.began != 0 && is_traced(plan))
    state.spans.push_back({"read the plan", options.began, monotonic_now()});
  build_environment(state);
  if (!options.sockets.empty()) announce_sockets(state, options.sockets);
  reset_signals_and_umask();
  for (const LaunchStep& step : kSteps) {
    const auto done = carry_out(step, state);
    if (!done) return give_up(state, step, done.error());
  }
  // execve(2) does not return when it succeeds.
  return {.step = "program", .exit_code = kExitCannotExecute, .text = "the program was not executed"};
}

}  // namespace agena::stage2
