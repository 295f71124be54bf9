#include "stage0/pod/enter.h"

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "manifests/codec/pod_manifest.h"
#include "stage0/pod/pod_info.h"
#include "stage0/stage1_client/stage1_root.h"

namespace agena::stage0 {
namespace {

Result<std::string> choose_app(const schema::PodManifest& manifest, const std::string& wanted) {
  if (!wanted.empty()) {
    if (schema::find_app(manifest, wanted) != nullptr) return wanted;
    return fail(ErrorKind::kInvalidInput, "the pod has no app '{}'", wanted);
  }
  if (manifest.apps.empty()) return fail(ErrorKind::kInvalidInput, "the pod has no apps");
  if (manifest.apps.size() == 1) return manifest.apps.front().name.str();
  std::string names;
  for (const schema::RuntimeApp& app : manifest.apps) names += (names.empty() ? "" : ", ") + app.name.str();
  return fail(ErrorKind::kInvalidInput, "specify app using \"enter --app=\": the pod has the apps {}", names);
}

}  // namespace

Result<std::string> read_manifest_text(const Pod& pod) {
  return sys::read_file(pod.dir(), contract::pod_paths::kManifest);
}

Result<Stage1Exec> enter_pod(const Engine& engine, Pod& pod, const EnterRequest& request) {
  if (TRY(pod.state()) != PodState::kRunning)
    return fail(ErrorKind::kInvalidInput, "pod \"{}\" isn't currently running", pod.uuid().str());
  const auto manifest = TRY(codec::parse_pod_manifest(TRY(read_manifest_text(pod))));
  const std::string app = TRY(choose_app(manifest, request.app));
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
