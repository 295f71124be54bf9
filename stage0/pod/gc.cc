#include "stage0/pod/gc.h"

#include <sys/stat.h>

#include <array>

#include "common/sys/fs.h"
#include "stage0/metadata/mds_client.h"
#include "stage0/pod/delete_pod.h"
#include "stage0/pod/pod.h"

namespace agena::stage0 {
namespace {

// An embryo lives for microseconds; one this old belongs to a process that died.
constexpr Nanoseconds kEmbryoAge = 60 * kSecond;

// Somebody else moved, locked or deleted the pod in between: it is theirs.
bool is_theirs(const Error& error) {
  return error.kind() == ErrorKind::kNotFound || error.kind() == ErrorKind::kBusy;
}

Result<Nanoseconds> age_of(const Pod& pod) {
  struct stat st{};
  if (::fstat(pod.dir().get(), &st) != 0) return sys_fail("reading the age of a pod");
  return now() - sys::ctime_of(st);
}

class Collector {
 public:
  Collector(const Engine& engine, const GcRequest& request, const Pods& pods)
      : engine_(engine), request_(request), pods_(pods) {}

  Result<GcResult> run() {
    TRY(for_each(PodDirectory::kEmbryo, &Collector::mark_embryo));
    TRY(for_each(PodDirectory::kRun, &Collector::mark_exited));
    TRY(for_each(PodDirectory::kPrepare, &Collector::mark_aborted));
    if (request_.mark_only) return std::move(result_);
    TRY(for_each(PodDirectory::kPrepared, &Collector::mark_expired));
    TRY(for_each(PodDirectory::kExitedGarbage, &Collector::collect_after_grace));
    TRY(for_each(PodDirectory::kGarbage, &Collector::collect));
    return std::move(result_);
  }

 private:
  using Step = Result<> (Collector::*)(Pod&);

  // A pod that fails is told of and does not keep the others from their turn.
  Result<> for_each(PodDirectory directory, Step step) {
    const std::array phases = {directory};
    for (const PodRef& ref : TRY(scan_pods(pods_, phases))) {
      auto pod = Pod::open_in(pods_, directory, ref.uuid);
      auto done = pod ? (this->*step)(*pod) : std::unexpected(pod.error());
      if (!done && !is_theirs(done.error()))
        result_.errors.push_back(std::move(done).error().with_context("pod '" + ref.uuid.str() + "'"));
    }
    return {};
  }

  void tell(GcEvent::Kind kind, const Pod& pod, Nanoseconds remaining = 0) {
    if (kind == GcEvent::Kind::kMarked) ++result_.marked;
    if (request_.on_event) request_.on_event({.kind = kind, .uuid = pod.uuid(), .remaining = remaining});
  }

  Result<> mark_embryo(Pod& pod) {
    if (TRY(age_of(pod)) < kEmbryoAge) return {};
    TRY(pod.lock());
    return pod.move_to(PodDirectory::kGarbage);
  }

  Result<> mark_exited(Pod& pod) {
    if (TRY(pod.state()) != PodState::kExited) return {};
    TRY(pod.hold());
    TRY(pod.move_to(PodDirectory::kExitedGarbage));
    // What fails is tried again when it is deleted, and told then.
    (void)unregister_pod(engine_.metadata_socket, pod.uuid(), pod.dir());
    tell(GcEvent::Kind::kMarked, pod);
    return {};
  }

  Result<> mark_aborted(Pod& pod) {
    if (TRY(pod.state()) != PodState::kAbortedPrepare) return {};
    TRY(pod.hold());
    TRY(pod.move_to(PodDirectory::kGarbage));
    tell(GcEvent::Kind::kMarked, pod);
    return {};
  }

  Result<> mark_expired(Pod& pod) {
    if (TRY(age_of(pod)) < request_.expire_prepared) return {};
    TRY(pod.lock());
    TRY(pod.move_to(PodDirectory::kGarbage));
    tell(GcEvent::Kind::kMarked, pod);
    return {};
  }

  Result<> collect_after_grace(Pod& pod) {
    const Nanoseconds remaining = request_.grace_period - TRY(age_of(pod));
    if (remaining > 0) {
      tell(GcEvent::Kind::kWithinGrace, pod, remaining);
      return {};
    }
    return collect(pod);
  }

  Result<> collect(Pod& pod) {
    TRY(pod.lock());
    tell(GcEvent::Kind::kCollecting, pod);
    ErrorList errors;
    TRY(delete_pod(engine_, pods_, pod, errors));
    ++result_.deleted;
    for (const Error& error : errors.errors()) result_.errors.push_back(error);
    return {};
  }

  const Engine& engine_;
  const GcRequest& request_;
  const Pods& pods_;
  GcResult result_;
};

}  // namespace

Result<GcResult> collect_garbage(const Engine& engine, const GcRequest& request) {
  const Pods pods = TRY(Pods::open(engine.data_dir));
  if (!pods.present()) return GcResult{};
  return Collector(engine, request, pods).run();
}

}  // namespace agena::stage0
