// The bodies of the steps of steps.cc, by topic. Each does one thing to the calling process; its name in the
// table is the context of its error. The void ones cannot fail and come before the first step.
#pragma once

#include "common/stage2/steps.h"

namespace agena::stage2 {

// stdio.cc
Result<> open_standard_streams(LaunchState& state);
Result<> take_terminal(LaunchState& state);
Result<> give_streams_to_user(LaunchState& state);
Result<> mark_descriptors(LaunchState& state);

// root.cc
Result<> switch_to_root(LaunchState& state);
Result<> enter_working_directory(LaunchState& state);

// environment.cc
void build_environment(LaunchState& state);
// Tells the program of sockets that stand from descriptor 3 on (sd_listen_fds(3)).
void announce_sockets(LaunchState& state, const std::vector<std::string>& names);

// identity.cc
Result<> look_up_identity(LaunchState& state);
Result<> change_groups(LaunchState& state);
Result<> change_user(LaunchState& state);

// limits.cc
Result<> set_oom_score(LaunchState& state);
Result<> set_nice(LaunchState& state);
Result<> set_limits(LaunchState& state);
void reset_signals_and_umask();

// confine.cc
Result<> drop_bounding_set(LaunchState& state);
Result<> enter_domain(LaunchState& state);
Result<> set_capabilities(LaunchState& state);
Result<> forbid_new_privileges(LaunchState& state);
Result<> open_security_attributes(LaunchState& state);
Result<> set_selinux_context(LaunchState& state);
Result<> set_apparmor_profile(LaunchState& state);
Result<> install_filter(LaunchState& state);

// execute.cc
Result<> look_up_program(LaunchState& state);
Result<> execute_program(LaunchState& state);

}  // namespace agena::stage2
