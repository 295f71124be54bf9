// `app start` and `app stop`: calls of stage1, without any lock.
#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "stage0/app/app_stop.h"
#include "stage0/app/apps.h"

namespace agena::stage0 {
namespace {

Result<> start(AppPod& pod, const std::string& app) {
  TRY(pod.stage1().path_of(contract::Entrypoint::kAppStart));
  TRY(require_app(TRY(pod.read_manifest()), app));
  if (!TRY(pod.running()))
    return fail(ErrorKind::kInvalidInput, "pod \"{}\" has ended; it can be started again with 'start'",
                pod.pod().uuid().str());
  TRY(pod.wait_ready());
  return pod.call(contract::Entrypoint::kAppStart, app);
}

Result<> stop(AppPod& pod, const StopAppRequest& request) {
  const schema::PodManifest manifest = TRY(pod.read_manifest());
  const schema::RuntimeApp& app = *TRY(require_app(manifest, request.app));
  if (!request.operation.timeout)
    pod.set_timeout(std::max(kAppOperationTimeout, stop_patience(app, request.grace)));
  return stop_in_pod(pod, request.app, request.grace);
}

}  // namespace

Result<> stop_in_pod(AppPod& pod, const std::string& app, std::optional<Nanoseconds> grace) {
  if (!TRY(pod.running())) return {};
  TRY(pod.stage1().path_of(contract::Entrypoint::kAppStop));
  std::map<std::string, std::string, std::less<>> options;
  if (grace) options.emplace("time", fmt::format("{}ms", *grace / (kSecond / 1000)));
  auto stopped = pod.wait_ready();
  if (stopped) stopped = pod.call(contract::Entrypoint::kAppStop, app, options);
  // The apps of a pod that has ended meanwhile have.
  if (!stopped && !TRY(pod.running())) return {};
  return stopped;
}

Result<AppOutcome> start_app(const Engine& engine, const StartAppRequest& request) {
  const Pods pods = TRY(Pods::open(engine.data_dir));
  AppPod pod = TRY(AppPod::open(engine, pods, request.operation));
  TRY_CTX(start(pod, request.app), "starting app '{}' of pod '{}'", printable(request.app),
          pod.pod().uuid().str());
  return AppOutcome{.app = request.app, .warnings = pod.take_warnings()};
}

Result<AppOutcome> stop_app(const Engine& engine, const StopAppRequest& request) {
  const Pods pods = TRY(Pods::open(engine.data_dir));
  AppPod pod = TRY(AppPod::open(engine, pods, request.operation));
  TRY_CTX(stop(pod, request), "stopping app '{}' of pod '{}'", printable(request.app),
          pod.pod().uuid().str());
  return AppOutcome{.app = request.app, .warnings = pod.take_warnings()};
}

}  // namespace agena::stage0
