#include "stage0/pod/stop.h"

#include <algorithm>

#include "common/base/log.h"
#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "manifests/codec/pod_manifest.h"
#include "manifests/life/app_life.h"
#include "stage0/metadata/mds_client.h"
#include "stage0/pod/delete_pod.h"
#include "stage0/pod/pod_info.h"
#include "stage0/stage1_client/stage1_exec.h"

namespace agena::stage0 {
namespace {

// A killed pod has only its kernel objects left to give back.
constexpr Nanoseconds kForcedGrace = 10 * kSecond;

constexpr Nanoseconds kGrace = 30 * kSecond;

// The pod's own patience (stage1) is the longest grace of its apps, and as much again for a handler; ours
// shall not end before it.
Result<Nanoseconds> default_grace(const Pod& pod) {
  constexpr Nanoseconds kMore = 10 * kSecond;
  Nanoseconds longest = 0;
  const auto manifest =
      TRY(codec::parse_pod_manifest(TRY(sys::read_file(pod.dir(), contract::pod_paths::kManifest))));
  for (const schema::RuntimeApp& app : manifest.apps) {
    // What does not hold has kept the pod from starting.
    const auto life = life::read_app_life(app.annotations, {});
    if (life) longest = std::max(longest, life->stop_timeout.value_or(life::kStopTimeout));
  }
  return std::max(kGrace, 2 * longest + kMore);
}

Result<> call_stop(const Engine& engine, const Pod& pod, bool force) {
  Stage1Call call{contract::Entrypoint::kStop, {}};
  if (force) call.arguments.options.emplace("force", "true");
  call.arguments.operands = {pod.uuid().str()};
  const auto status =
      TRY_CTX(call_stage1(engine.data_dir, pod.dir(), call), "stopping pod '{}'", pod.uuid().str());
  if (status.success()) return {};
  return fail(ErrorKind::kSystem, "stopping pod '{}': the stop entrypoint of stage1 {} {}", pod.uuid().str(),
              status.signalled ? "was killed by signal" : "failed with code", status.value);
}

// Asks and waits. An entrypoint that failed because the pod ended by itself meanwhile has not failed.
Result<bool> stop_and_wait(const Engine& engine, Pod& pod, bool force, std::optional<Nanoseconds> limit) {
  const auto called = call_stop(engine, pod, force);
  if (!called && TRY(pod.wait_unlocked(0))) return true;
  if (!called) return std::unexpected(called.error());
  return pod.wait_unlocked(limit);
}

// Cgroup and networks of a pod whose supervisor was killed with it. Where this fails, or somebody else has
// the pod already, it is left to gc.
void free_leftovers(const Engine& engine, Pod& pod) {
  if (!pod.lock()) return;
  if (const auto freed = call_gc_entrypoint(engine, pod, kForcedGrace); !freed)
    log::warning("warning: pod '{}': {}; gc tries again", pod.uuid().str(), freed.error().to_string());
  pod.unlock();
}

// Its token is of no use any more. Not if somebody starts or removes it already; what fails, gc tries again.
void unregister_stopped(const Engine& engine, Pod& pod) {
  if (pod.hold()) (void)unregister_pod(engine.metadata_socket, pod.uuid(), pod.dir());
}

Result<StopOutcome> stop_running(const Engine& engine, Pod& pod, const StopRequest& request) {
  if (!request.force) {
    const Nanoseconds grace = request.grace ? *request.grace : default_grace(pod).value_or(kGrace);
    if (grace == 0) {
      TRY(call_stop(engine, pod, false));
      return StopOutcome::kAsked;
    }
    const auto limit = grace < 0 ? std::nullopt : std::optional(grace);
    if (TRY(stop_and_wait(engine, pod, false, limit))) return StopOutcome::kStopped;
  }
  if (TRY(stop_and_wait(engine, pod, true, kForcedGrace))) {
    free_leftovers(engine, pod);
    return StopOutcome::kForced;
  }
  return fail(ErrorKind::kSystem, "pod '{}' does not end although it was killed", pod.uuid().str());
}

}  // namespace

Result<StopOutcome> stop_pod(const Engine& engine, Pod& pod, const StopRequest& request) {
  const PodState state = TRY(pod.state());
  if (state == PodState::kExited || state == PodState::kExitedGarbage || state == PodState::kExitedDeleting)
    return StopOutcome::kAlreadyStopped;
  if (state != PodState::kRunning)
    return fail(ErrorKind::kInvalidInput, "pod \"{}\" is not running", pod.uuid().str());
  // A pod that is just being started has no process to be told yet. One that is ending has no first process
  // any more, but perhaps something to wait for.
  if (!TRY(wait_for_stage1(pod))) return StopOutcome::kAlreadyStopped;

  const StopOutcome outcome = TRY(stop_running(engine, pod, request));
  if (outcome != StopOutcome::kAsked) unregister_stopped(engine, pod);
  return outcome;
}

}  // namespace agena::stage0
