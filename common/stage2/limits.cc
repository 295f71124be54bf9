#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/stage2/step_bodies.h"
#include "common/sys/fs.h"

namespace agena::stage2 {

Result<> set_oom_score(LaunchState& state) {
  if (!state.plan.oom_score_adjust) return {};
  const int score = *state.plan.oom_score_adjust;
  const sys::UniqueFd file = TRY(sys::open_at(sys::at_cwd(), "/proc/self/oom_score_adj", O_WRONLY));
  TRY_CTX(sys::write_all(file.get(), fmt::format("{}", score)), "setting it to {}", score);
  return {};
}

Result<> set_nice(LaunchState& state) {
  if (!state.plan.nice) return {};
  if (::setpriority(PRIO_PROCESS, 0, *state.plan.nice) != 0)
    return sys_fail("setting it to {}", *state.plan.nice);
  return {};
}

Result<> set_limits(LaunchState& state) {
  for (const sys::ResourceLimit& limit : state.plan.limits) TRY(sys::set_resource_limit(limit));
  return {};
}

void reset_signals_and_umask() {
  constexpr mode_t kUmask = 0022;
  (void)::umask(kUmask);
  // Ignored signals and the mask survive an exec. SIGPIPE is ignored by systemd's services and by ourselves;
  // anything else that is ignored was meant so by the user (nohup). Neither call fails with valid arguments.
  (void)::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  (void)::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace agena::stage2
