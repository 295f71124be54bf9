#include <sys/prctl.h>

#include "common/stage2/step_bodies.h"

namespace agena::stage2 {

Result<> drop_bounding_set(LaunchState& state) {
  if (!state.plan.bounding_set) return {};
  return sys::limit_bounding_set(*state.plan.bounding_set);
}

Result<> set_capabilities(LaunchState& state) {
  if (!state.plan.bounding_set) return {};
  sys::ThreadCapabilities sets;
  // For root exec(2) raises permitted and effective to the bounding set anyway; the sets are put there at
  // once so that the steps in between have no more. What the process does not hold cannot be had.
  if (state.identity.uid == 0)
    sets.permitted = TRY(sys::thread_capabilities()).permitted & *state.plan.bounding_set;
  sets.effective = sets.permitted;
  TRY(sys::clear_ambient_set());
  return sys::set_thread_capabilities(sets);
}

Result<> forbid_new_privileges(LaunchState& state) {
  if (state.plan.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return sys_fail("setting it");
  return {};
}

}  // namespace agena::stage2
