#include "stage0/app/app_pod.h"

#include <fcntl.h>
#include <time.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "manifests/codec/pod_manifest.h"
#include "manifests/life/app_life.h"
#include "stage0/pod/choose_app.h"
#include "stage0/pod/pod_files.h"
#include "stage0/pod/pod_info.h"
#include "stage0/pod/private_users.h"
#include "stage0/stage1_client/crossing.h"

namespace agena::stage0 {
namespace {

namespace paths = contract::pod_paths;

std::unexpected<Error> not_running(const Pod& pod, PodState state) {
  return fail(ErrorKind::kInvalidInput, "pod \"{}\" isn't currently running: it is {}", pod.uuid().str(),
              contract::name_of(state));
}

}  // namespace

Result<AppPod> AppPod::open(const Engine& engine, const Pods& pods, const AppOperation& operation) {
  Pod pod = TRY(find_pod(pods, operation.pod));
  const PodState state = TRY(pod.state());
  if (state != PodState::kRunning && state != PodState::kExited && state != PodState::kExitedGarbage)
    return not_running(pod, state);
  Stage1Manifest stage1 = TRY(Stage1Manifest::read(pod.dir()));
  AppPod opened(engine, std::move(pod), std::move(stage1), operation.timeout.value_or(kAppOperationTimeout));
  TRY(opened.read_manifest());
  opened.overlay_ = TRY(sys::exists(opened.dir(), paths::kOverlayPrepared));
  opened.users_ = TRY(read_private_users(opened.dir()));
  return opened;
}

Result<bool> AppPod::running() {
  const PodState state = TRY(pod_.state());
  if (state == PodState::kRunning) return true;
  first_process_.reset();
  if (state == PodState::kExited || state == PodState::kExitedGarbage) return false;
  return not_running(pod_, state);
}

Result<> AppPod::wait_ready() {
  constexpr Nanoseconds kShortest = kSecond / 2000;
  constexpr Nanoseconds kLongest = kSecond / 20;
  for (Nanoseconds pause = kShortest;; pause = std::min(2 * pause, kLongest)) {
    if (!TRY(running())) return not_running(pod_, TRY(pod_.state()));
    if (TRY(is_supervisor_ready(dir()))) return {};
    if (left() == 0)
      return fail(ErrorKind::kBusy, "pod \"{}\" is not ready to have its apps managed", pod_.uuid().str());
    const timespec time{0, static_cast<long>(std::min(pause, left()))};
    (void)::nanosleep(&time, nullptr);
  }
}

Result<sys::FileLock> AppPod::lock_manifest() const {
  sys::UniqueFd fd = TRY(sys::open_at(dir(), paths::kManifestLock, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  auto lock = sys::FileLock::wait_at_most(std::move(fd), sys::LockMode::kExclusive, left());
  if (!lock && lock.error().kind() == ErrorKind::kBusy)
    return fail(ErrorKind::kBusy, "the apps of pod \"{}\" are being changed by another process",
                pod_.uuid().str());
  return lock;
}

Result<schema::PodManifest> AppPod::read_manifest() const {
  std::string text = TRY(sys::read_file(dir(), paths::kManifest));
  if (read_ && read_->text == text) return read_->manifest;
  auto manifest = TRY(codec::parse_pod_manifest(text));
  const std::string* is_mutable = manifest.annotations.find(contract::kMutableAnnotation);
  if (is_mutable == nullptr || *is_mutable != "true")
    return std::unexpected(
        Error(ErrorKind::kInvalidInput,
              fmt::format("immutable pod: the apps of pod \"{}\" were settled when it was made",
                          pod_.uuid().str()))
            .with_hint("pods whose apps come and go are made with 'app sandbox'"));
  read_.emplace(std::move(text), manifest);
  return manifest;
}

Result<pid_t> AppPod::first_process() {
  if (!first_process_) first_process_ = TRY(wait_for_pod_pid(pod_, left()));
  if (!first_process_) return fail(ErrorKind::kInvalidInput, "pod \"{}\" has ended", pod_.uuid().str());
  return *first_process_;
}

Result<PodRoot> AppPod::root() { return PodRoot::open(TRY(first_process())); }

Result<> AppPod::call(contract::Entrypoint entrypoint, const std::string& app,
                      const std::map<std::string, std::string, std::less<>>& options) {
  CrossingCall crossing{.call = {entrypoint, {.options = options, .operands = {}}},
                        .app = app,
                        .pid = TRY(first_process()),
                        .at_most = left()};
  crossing.call.arguments.options.insert_or_assign("debug", engine_->debug ? "true" : "false");
  crossing.call.arguments.options.insert_or_assign("app", app);
  std::ranges::move(TRY(call_crossing(engine_->data_dir, dir(), crossing)), std::back_inserter(warnings_));
  return {};
}

Result<const schema::RuntimeApp*> require_app(const schema::PodManifest& manifest, const std::string& app) {
  if (const schema::RuntimeApp* found = schema::find_app(manifest, app)) return found;
  std::vector<std::string> names;
  for (const schema::RuntimeApp& one : manifest.apps) names.push_back(one.name.str());
  return std::unexpected(no_such_app(app, names));
}

Nanoseconds stop_patience(const schema::RuntimeApp& app, std::optional<Nanoseconds> grace) {
  constexpr Nanoseconds kMore = 10 * kSecond;
  // What does not hold has kept the app from being added.
  const auto life = life::read_app_life(app.annotations, {});
  const Nanoseconds own = life ? life->stop_timeout.value_or(life::kStopTimeout) : life::kStopTimeout;
  return grace.value_or(own) + own + kMore;
}

}  // namespace agena::stage0
