#include "common/stage2/step_bodies.h"

namespace agena::stage2 {

Result<> look_up_identity(LaunchState& state) {
  const LaunchPlan& plan = state.plan;
  state.identity = TRY(sys::resolve_identity(state.root, plan.user, plan.group, plan.supplementary_gids));
  return {};
}

Result<> change_groups(LaunchState& state) { return sys::assume_groups(state.identity); }

Result<> change_user(LaunchState& state) { return sys::assume_user(state.identity); }

}  // namespace agena::stage2
