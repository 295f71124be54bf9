#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>

#include "common/base/strings.h"
#include "common/stage2/step_bodies.h"
#include "common/sys/fs.h"
#include "common/sys/landlock.h"
#include "common/sys/seccomp.h"

namespace agena::stage2 {
namespace {

// A process without root's identity could be made to run a set-user-ID program under a filter that makes its
// calls fail in unexpected ways; the kernel therefore demands one or the other. rkt's rule: who is not root
// pays with no_new_privs.
bool no_new_privileges(const LaunchState& state) {
  return state.plan.no_new_privileges || (!state.plan.seccomp_filter.empty() && state.identity.uid != 0);
}

}  // namespace

Result<> drop_bounding_set(LaunchState& state) {
  if (!state.plan.bounding_set) return {};
  return sys::limit_bounding_set(*state.plan.bounding_set);
}

Result<> enter_domain(LaunchState& state) {
  // Without Landlock apps of a pod can trace each other, as they can in rkt.
  if (state.plan.private_processes) (void)TRY(sys::enter_process_domain(state.root));
  return {};
}

Result<> set_capabilities(LaunchState& state) {
  if (!state.plan.bounding_set) return {};
  sys::ThreadCapabilities sets;
  // For root exec(2) raises permitted and effective to the bounding set anyway; the sets are put there at
  // once so that the steps in between have no more. What the process does not hold cannot be had.
  if (state.identity.uid == 0) {
    sys::CapabilitySet wanted = *state.plan.bounding_set;
    // For the filter. The exec takes it away: it is in no other set.
    if (!state.plan.seccomp_filter.empty() && !no_new_privileges(state)) wanted.add(CAP_SYS_ADMIN);
    sets.permitted = TRY(sys::thread_capabilities()).permitted & wanted;
  }
  sets.effective = sets.permitted;
  TRY(sys::clear_ambient_set());
  return sys::set_thread_capabilities(sets);
}

Result<> forbid_new_privileges(LaunchState& state) {
  if (no_new_privileges(state) && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return sys_fail("setting it");
  return {};
}

Result<> open_security_attributes(LaunchState& state) {
  if (state.plan.selinux_context.empty() && state.plan.apparmor_profile.empty()) return {};
  state.attributes = TRY(sys::open_dir(sys::at_cwd(), "/proc/self/attr", O_PATH));
  return {};
}

Result<> set_selinux_context(LaunchState& state) {
  const std::string& context = state.plan.selinux_context;
  if (context.empty()) return {};
  const sys::UniqueFd file = TRY(sys::open_at(state.attributes, "exec", O_WRONLY));
  TRY_CTX(sys::write_all(file.get(), context), "'{}'", printable(context));
  return {};
}

Result<> set_apparmor_profile(LaunchState& state) {
  const std::string& profile = state.plan.apparmor_profile;
  if (profile.empty()) return {};
  // Kernels before 5.8 have no directory of AppArmor's own.
  auto file = sys::open_at(state.attributes, "apparmor/exec", O_WRONLY);
  if (!file && file.error().kind() == ErrorKind::kNotFound)
    file = sys::open_at(state.attributes, "exec", O_WRONLY);
  if (!file) return std::unexpected(std::move(file).error());
  TRY_CTX(sys::write_all(file->get(), "exec " + profile), "'{}'", printable(profile));
  return {};
}

Result<> install_filter(LaunchState& state) {
  if (state.plan.seccomp_filter.empty()) return {};
  return sys::install_seccomp_filter(state.plan.seccomp_filter);
}

}  // namespace agena::stage2
