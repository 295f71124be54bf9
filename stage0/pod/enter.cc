#include "stage0/pod/enter.h"

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
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

}  // namespace

Result<Stage1Exec> enter_pod(const Engine& engine, Pod& pod, const EnterRequest& request) {
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
  const auto stage1 = TRY(Stage1Manifest::read(pod.dir()));
  const Stage1Root at = TRY(open_stage1_root(engine.data_dir, pod.dir()));
  return resolve_stage1_call(stage1, at.root, TRY(sys::path_of_fd(at.root.get())), at.pod, call);
}

}  // namespace agena::stage0
