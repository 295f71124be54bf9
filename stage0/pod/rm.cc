#include "stage0/pod/rm.h"

#include <cerrno>

#include "stage0/pod/delete_pod.h"

namespace agena::stage0 {
namespace {

// Another process that removes the pod may have moved it in between.
Result<> move_away(Pod& pod, PodDirectory directory) {
  auto moved = pod.move_to(directory);
  if (moved || moved.error().sys_errno() != ENOENT) return moved;
  return fail(ErrorKind::kBusy, "pod \"{}\" is being removed by another process", pod.uuid().str());
}

// Moves the pod to where it may be deleted, and locks it there.
Result<> mark(Pod& pod) {
  const std::string& uuid = pod.uuid().str();
  switch (TRY(pod.state())) {
    case PodState::kExited:
      TRY(pod.hold());
      TRY(move_away(pod, PodDirectory::kExitedGarbage));
      return pod.lock();
    case PodState::kAbortedPrepare:
      TRY(pod.hold());
      TRY(move_away(pod, PodDirectory::kGarbage));
      return pod.lock();
    case PodState::kPrepared:
      // Exclusive, so that a run-prepared at the same time either has it or finds it gone.
      TRY(pod.lock());
      return move_away(pod, PodDirectory::kGarbage);
    case PodState::kExitedGarbage:
    case PodState::kGarbage:
      return pod.lock();
    case PodState::kRunning:
      return std::unexpected(
          Error(ErrorKind::kInvalidInput, fmt::format("pod \"{}\" is currently running", uuid))
              .with_hint("'stop' ends it"));
    case PodState::kEmbryo:
    case PodState::kPreparing:
      return fail(ErrorKind::kInvalidInput, "pod \"{}\" is currently being prepared", uuid);
    case PodState::kExitedDeleting:
    case PodState::kDeleting:
      return fail(ErrorKind::kInvalidInput, "pod \"{}\" is currently being deleted", uuid);
  }
  return fail(ErrorKind::kInternal, "pod \"{}\" is in an unknown state", uuid);
}

}  // namespace

Result<> remove_pod(const Engine& engine, Pod& pod) {
  TRY(mark(pod));
  ErrorList errors;
  if (auto deleted = delete_pod(engine, pod.pods(), pod, errors); !deleted)
    errors.add(std::move(deleted).error().with_context("pod '" + pod.uuid().str() + "'"));
  return errors.to_result();
}

}  // namespace agena::stage0
