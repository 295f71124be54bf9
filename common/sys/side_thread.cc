#include "common/sys/side_thread.h"

#include <pthread.h>
#include <sched.h>

namespace agena::sys {
namespace {

struct Work {
  const std::function<Result<>()>& body;
  Result<> result;
};

void* run(void* argument) {
  auto& work = *static_cast<Work*>(argument);
  // From here on root, working directory and umask are the thread's own; joining a mount namespace needs
  // that.
  work.result = ::unshare(CLONE_FS) == 0 ? work.body() : sys_fail("setting a thread apart");
  return nullptr;
}

}  // namespace

Result<> run_in_side_thread(const std::function<Result<>()>& work) {
  Work shared{work, {}};
  pthread_t thread{};
  if (const int error = ::pthread_create(&thread, nullptr, run, &shared); error != 0)
    return errno_fail(error, "starting a thread");
  if (const int error = ::pthread_join(thread, nullptr); error != 0)
    return errno_fail(error, "waiting for a thread");
  return std::move(shared.result);
}

}  // namespace agena::sys
