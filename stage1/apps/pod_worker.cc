#include "stage1/apps/pod_worker.h"

#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/base/strings.h"
#include "common/sys/namespaces.h"
#include "common/sys/pidfd.h"
#include "common/sys/unix_socket.h"
#include "common/sys/user_namespace.h"

namespace agena::stage1 {
namespace {

constexpr std::size_t kMostText = 16U << 10U;

int run_body(const std::function<Result<>()>& body, int channel, pid_t parent) {
  die_with_parent(parent);
  const Result<> result = body();
  if (result) return 0;
  (void)sys::send_message(channel, result.error().to_string().substr(0, kMostText));
  return 1;
}

}  // namespace

Result<std::unique_ptr<PodWorker>> PodWorker::start(sys::EventLoop& loop,
                                                    const std::function<Result<>()>& body, Done done) {
  auto [ours, theirs] = TRY(sys::seqpacket_pair());
  const pid_t self = ::getpid();
  auto child = TRY(sys::fork_child([&] { return run_body(body, theirs.get(), self); }));
  std::unique_ptr<PodWorker> worker(new PodWorker(loop, std::move(ours), std::move(child), std::move(done)));
  PodWorker* raw = worker.get();
  TRY(loop.add(raw->child_.fd().get(), EPOLLIN, [raw](std::uint32_t) { return raw->on_end(); }));
  return worker;
}

PodWorker::PodWorker(sys::EventLoop& loop, sys::UniqueFd channel, sys::Child child, Done done)
    : loop_(loop), channel_(std::move(channel)), child_(std::move(child)), done_(std::move(done)) {}

PodWorker::~PodWorker() {
  if (child_.fd()) loop_.remove(child_.fd().get());
}

Result<> PodWorker::on_end() {
  loop_.remove(child_.fd().get());
  const sys::ExitStatus status = TRY(child_.wait());
  const Done done = std::move(done_);  // this object may be gone before it returns
  if (!status.signalled && status.value == 0) return done({});
  const auto text = sys::receive_message(channel_.get(), kMostText, 0);
  if (text && *text) return done(fail(ErrorKind::kSystem, "{}", (*text)->bytes));
  return done(fail(ErrorKind::kSystem, "the process that was to do it ended with {} {}",
                   status.signalled ? "signal" : "exit code", status.value));
}

void die_with_parent(pid_t parent) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have been killed before that.
  if (::getppid() != parent) ::_exit(1);
}

Result<> join_pod_mounts(pid_t init) {
  const pid_t parent = ::getppid();  // it lives, or this process would not
  const sys::PidFd process = TRY_CTX(sys::open_pidfd(init), "entering the pod");
  const auto joined = sys::join_namespaces(process, CLONE_NEWNS | CLONE_NEWUSER);
  if (joined) {
    TRY(sys::become_root());
    die_with_parent(parent);  // the change of ids has cleared it
    return {};
  }
  // The kernel takes nobody into the user namespace that he is in.
  if (joined.error().sys_errno() != EINVAL) return joined;
  return sys::join_namespaces(process, CLONE_NEWNS);
}

}  // namespace agena::stage1
