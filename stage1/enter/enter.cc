#include "stage1/enter/enter.h"

#include <unistd.h>

#include <cstdlib>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/stage2/launch_plan.h"
#include "common/stage2/steps.h"
#include "common/sys/fs.h"
#include "common/sys/pidfd.h"
#include "stage1/enter/run_in_pod.h"
#include "stage1/run/listen_sockets.h"
#include "stage1/units/pod_units.h"

namespace agena::stage1 {
namespace {

// The app's own plan, as the supervisor left it in the pod: it has the environment and the root.
Result<stage2::LaunchPlan> plan_in_app(const sys::DirFd& pod_root, const std::string& app) {
  const std::string path = plan_path(app, "app");
  auto text = sys::read_file(pod_root, path);
  if (!text && text.error().kind() == ErrorKind::kNotFound)
    return fail(ErrorKind::kNotFound, "the pod has no app '{}'", printable(app));
  if (!text) return std::unexpected(std::move(text).error());
  stage2::LaunchPlan plan = TRY_CTX(stage2::parse_launch_plan(*text), "file '/{}'", path);
  plan.user = plan.group = "0";
  plan.supplementary_gids.clear();
  plan.bounding_set.reset();
  plan.limits.clear();
  plan.private_processes = false;
  plan.no_new_privileges = false;
  plan.seccomp_filter.clear();
  plan.selinux_context.clear();
  plan.apparmor_profile.clear();
  plan.hub_socket.clear();
  plan.trace = false;
  plan.stdio = {};
  return plan;
}

Result<stage2::LaunchPlan> plan_for(const sys::DirFd& pod_root, const contract::EntrypointCall& call) {
  const std::string app = call.value("appname");
  stage2::LaunchPlan plan;
  if (!app.empty()) plan = TRY(plan_in_app(pod_root, app));
  plan.app = app.empty() ? "stage1" : app;
  plan.argv = call.operands;
  plan.working_directory = "/";
  const char* term = std::getenv("TERM");
  plan.environment.push_back({"TERM", term == nullptr ? "vt100" : term});
  return plan;
}

// A failure has the hub's exit codes; there is no hub to tell it to.
int launch_here(const stage2::LaunchPlan& plan, const std::vector<PassedSocket>& sockets) {
  stage2::LaunchOptions options;
  for (const PassedSocket& socket : sockets) options.sockets.push_back(socket.facts.name);
  const stage2::LaunchFailure failure = stage2::launch(plan, options);
  log::write(log::Level::kError, failure.text);
  return failure.exit_code;
}

}  // namespace

Result<int> enter(const contract::EntrypointCall& call) {
  // For the command, as rkt's enter keeps them.
  const std::vector<PassedSocket> sockets = TRY(take_listen_sockets());
  const auto pid = static_cast<pid_t>(TRY_CTX(parse_int(call.value("pid"), 1, INT32_MAX), "--pid"));
  const sys::PidFd init = TRY_CTX(sys::open_pidfd(pid), "entering the pod");
  const sys::DirFd pod_root = TRY(sys::open_dir(sys::at_cwd(), fmt::format("/proc/{}/root", pid), O_PATH));
  stage2::LaunchPlan plan = TRY(plan_for(pod_root, call));
  // In the mounts that the app itself sees, if it runs; making them anew costs several times as much, for the
  // kernel waits when it takes mounts away.
  const auto mounts = find_app_mounts(pod_root, plan.app);
  return run_in_pod(init, mounts, [&](bool in_app) {
    if (in_app) {
      plan.root.clear();
      plan.root_switch = stage2::RootSwitch::kNone;
      plan.read_only_root = false;
    }
    return launch_here(plan, sockets);
  });
}

}  // namespace agena::stage1
