// `app update`: other limits for an app.
#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "stage0/app/apps.h"
#include "stage0/app/manifest_change.h"
#include "stage0/app/manifest_edit.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

Result<> tell_stage1(AppPod& pod, const std::string& app, const char* manifest) {
  return pod.call(contract::Entrypoint::kAppUpdate, app, {{"manifest", manifest}});
}

Result<> update(AppPod& pod, const UpdateAppRequest& request) {
  TRY(pod.stage1().path_of(contract::Entrypoint::kAppUpdate));
  if (!TRY(pod.running()))
    return fail(ErrorKind::kInvalidInput, "pod \"{}\" has ended; limits are changed in running pods",
                pod.pod().uuid().str());
  TRY(pod.wait_ready());
  const ManifestChange change = TRY(ManifestChange::begin(pod));
  TRY(require_app(change.manifest, request.app));
  TRY(write_candidate(pod,
                      TRY(with_limits(change.manifest, request.app, request.isolators, request.resources))));
  auto told = tell_stage1(pod, request.app, paths::kNextManifest);
  if (told) return commit_candidate(pod);
  // Some limits may be set already.
  constexpr Nanoseconds kUndoTimeout = 10 * kSecond;
  pod.set_timeout(kUndoTimeout);
  if (const auto back = tell_stage1(pod, request.app, paths::kManifest); !back)
    log::debug("putting the limits of app '{}' back: {}", request.app, back.error().to_string());
  TRY(undo_candidate(pod));
  return told;
}

}  // namespace

Result<AppOutcome> update_app(const Engine& engine, const UpdateAppRequest& request) {
  const Pods pods = TRY(Pods::open(engine.data_dir));
  AppPod pod = TRY(AppPod::open(engine, pods, request.operation));
  TRY_CTX(update(pod, request), "changing app '{}' of pod '{}'", printable(request.app),
          pod.pod().uuid().str());
  return AppOutcome{.app = request.app, .warnings = pod.take_warnings()};
}

}  // namespace agena::stage0
