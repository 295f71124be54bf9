// `app rm`: stop the app, take it out of the manifest, and remove what belongs to it.
#include <algorithm>

#include "common/base/strings.h"
#include "stage0/app/app_stop.h"
#include "stage0/app/apps.h"
#include "stage0/app/manifest_change.h"
#include "stage0/app/manifest_edit.h"

namespace agena::stage0 {
namespace {

Result<> commit_without(AppPod& pod, const schema::PodManifest& next) {
  TRY(write_candidate(pod, next));
  return commit_candidate(pod);
}

Result<> remove(AppPod& pod, const RemoveAppRequest& request) {
  const std::string& name = request.app;
  const bool running = TRY(pod.running());
  if (running) TRY(pod.stage1().path_of(contract::Entrypoint::kAppRm));
  if (running) TRY(pod.wait_ready());
  // An ended pod is kept from being started or collected meanwhile.
  if (!running) TRY(pod.hold());
  // A removal that was interrupted behind its commit is finished by the clearing that a change begins with.
  const bool unfinished = TRY(has_remains(pod, name));
  const ManifestChange change = TRY(ManifestChange::begin(pod));
  if (unfinished && schema::find_app(change.manifest, name) == nullptr) return {};
  const schema::RuntimeApp& app = *TRY(require_app(change.manifest, name));
  if (!request.operation.timeout) pod.set_timeout(std::max(kAppOperationTimeout, stop_patience(app, {})));
  TRY(stop_in_pod(pod, name, {}));
  const schema::PodManifest next = without_app(change.manifest, name);
  // An older stage1 looks the app up in the manifest.
  if (!pod.reads_candidates() && TRY(pod.running())) TRY(pod.call(contract::Entrypoint::kAppRm, name));
  TRY(commit_without(pod, next));
  tell_metadata_service(pod);
  TRY(clear_app(pod, name));
  return settle(pod, next);
}

}  // namespace

Result<AppOutcome> remove_app(const Engine& engine, const RemoveAppRequest& request) {
  const Pods pods = TRY(Pods::open(engine.data_dir));
  AppPod pod = TRY(AppPod::open(engine, pods, request.operation));
  TRY_CTX(remove(pod, request), "removing app '{}' from pod '{}'", printable(request.app),
          pod.pod().uuid().str());
  return AppOutcome{.app = request.app, .warnings = pod.take_warnings()};
}

}  // namespace agena::stage0
