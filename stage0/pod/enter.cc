#include "stage0/pod/enter.h"

#include <fcntl.h>

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "common/sys/path_in_root.h"
#include "stage0/pod/choose_app.h"
#include "stage0/pod/pod_info.h"
#include "stage0/stage1_client/stage1_root.h"

namespace agena::stage0 {
Result<std::string> read_manifest_text(const Pod& pod) {
  return sys::read_file(pod.dir(), contract::pod_paths::kManifest);
}

namespace {

Result<> check_runs(Pod& pod, const std::string& name) {
  const AppInfo app =
      TRY(app_info_of(TRY(read_pod_info(pod, {.image_names = false, .networks = false})), name));
  if (app.state == AppState::kRunning) return {};
  return fail(ErrorKind::kInvalidInput, "app '{}' isn't currently running: it is {}", name,
              app.state == AppState::kCreated ? "not started" : name_of(app.state));
}

// rkt's default where the app's root has it, or where it cannot be looked into.
std::string shell_of(pid_t pid, const std::string& app) {
  const std::string bash = "/bin/bash";
  const auto top = sys::open_dir(fmt::format("/proc/{}/root", pid));
  if (!top) return bash;
  // Fly's process is in the root of its app already.
  const auto below = sys::open_dir_in_root(*top, contract::pod_paths::app_root_in_stage1(app));
  const sys::DirFd& root = below ? *below : *top;
  for (const std::string& shell : {bash, std::string("/bin/sh")})
    if (sys::open_in_root(root, shell, O_PATH)) return shell;
  return bash;
}

}  // namespace

Result<Stage1Exec> enter_pod(const Engine& engine, Pod& pod, const EnterRequest& request,
                             std::string* assumed) {
  if (const PodState state = TRY(pod.state()); state != PodState::kRunning)
    return std::unexpected(
        Error(ErrorKind::kInvalidInput, fmt::format("pod \"{}\" isn't currently running", pod.uuid().str()))
            .with_hint(fmt::format("it is {}; 'start' runs it", contract::name_of(state))));
  const std::string app = TRY(choose_app(TRY(read_pod_manifest(pod)), request.app, request.command_name));
  if (request.running_only) TRY(check_runs(pod, app));
  const auto pid = TRY(wait_for_pod_pid(pod));
  if (!pid) return fail(ErrorKind::kInvalidInput, "pod \"{}\" has ended", pod.uuid().str());

  Stage1Call call{contract::Entrypoint::kEnter, {}};
  call.arguments.options = {{"pid", fmt::format("{}", *pid)}, {"appname", app}};
  call.arguments.operands = request.command;
  if (request.command.empty()) {
    const std::string shell = shell_of(*pid, app);
    call.arguments.operands = {shell};
    if (assumed != nullptr) *assumed = shell;
  }
  const auto stage1 = TRY(Stage1Manifest::read(pod.dir()));
  const Stage1Root at = TRY(open_stage1_root(engine.data_dir, pod.dir()));
  return resolve_stage1_call(stage1, at.root, TRY(sys::path_of_fd(at.root.get())), at.pod, call);
}

}  // namespace agena::stage0
