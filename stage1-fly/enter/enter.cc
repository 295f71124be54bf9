#include "stage1-fly/enter/enter.h"

#include <sched.h>
#include <unistd.h>

#include <cstdlib>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/stage2/app_plan.h"
#include "common/stage2/steps.h"
#include "common/sys/fs.h"
#include "common/sys/namespaces.h"
#include "stage1-fly/pod_processes.h"

namespace agena::fly {
namespace {

namespace paths = contract::pod_paths;

// The only app, unless one is named.
Result<std::string> app_of(const sys::DirFd& pod_dir, const contract::EntrypointCall& call) {
  const std::vector<std::string> apps = TRY(sys::list_dir(pod_dir, paths::kAppsInfo));
  const std::string name = call.value("appname", apps.size() == 1 ? apps.front() : "");
  for (const std::string& app : apps)
    if (app == name) return name;
  return fail(ErrorKind::kNotFound, "the pod has no app '{}'", printable(name));
}

// The app's environment as `run` wrote it, and the caller's terminal type.
Result<std::vector<stage2::EnvironmentVariable>> environment_of(const std::string& file) {
  auto environment = stage2::parse_environment_file(TRY(sys::read_file(sys::at_cwd(), file)));
  // NOLINTNEXTLINE(concurrency-mt-unsafe): this program has one thread.
  const char* terminal = std::getenv("TERM");
  environment.push_back({"TERM", terminal == nullptr ? "vt100" : terminal});
  return environment;
}

// The app's process, or when it is gone another that it left behind.
Result<sys::PidFd> open_one(const PodProcesses& processes, pid_t main) {
  auto process = processes.open(main);
  if (process) return *std::move(process);
  for (const pid_t pid : TRY(processes.find()))
    if (auto other = processes.open(pid)) return *std::move(other);
  return std::unexpected(std::move(process).error());
}

}  // namespace

Result<int> enter(const contract::EntrypointCall& call) {
  const auto pid = TRY_CTX(parse_int(call.value("pid"), 1, INT32_MAX), "--pid");
  stage2::LaunchPlan plan;
  std::string pod_path;
  {
    const sys::DirFd pod_dir = TRY(sys::open_dir("."));
    plan.app = TRY(app_of(pod_dir, call));
    // The mount namespace changes the working directory, but not what the path means.
    pod_path = TRY(sys::path_of_fd(pod_dir.get()));
    const sys::PidFd process = TRY(open_one(TRY(PodProcesses::of(pod_dir)), static_cast<pid_t>(pid)));
    TRY(sys::join_namespaces(process, CLONE_NEWNS));
  }
  plan.root = pod_path + "/" + paths::app_root(plan.app);
  plan.root_switch = stage2::RootSwitch::kChroot;
  plan.argv = call.operands;
  plan.environment =
      TRY(environment_of(pod_path + "/" + std::string(paths::kStage1Root) + "/" + paths::app_env(plan.app)));
  const stage2::LaunchFailure failure = stage2::launch(plan);
  log::write(log::Level::kError, failure.text);
  return failure.exit_code;
}

}  // namespace agena::fly
