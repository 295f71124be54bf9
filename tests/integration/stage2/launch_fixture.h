// Starts launch plans in child processes and collects what the started probe, or the failure, tells.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/stage2/steps.h"
#include "common/sys/fd.h"
#include "tests/support/temp_dir.h"

namespace agena::stage2 {

// What came of one launch.
struct Outcome {
  int exit_code = -1;  // 128 + signal
  std::string output;  // stdout and stderr of the child
  // Of a launch that failed; step is empty otherwise.
  std::string step;
  std::string text;
  bool told_hub = false;

  // Whether the probe told this line.
  bool tells(const std::string& line) const;
};

// A root with the probe in /bin, /proc (a bind mount made in the child), /dev/null and user databases.
class LaunchTest : public ::testing::Test {
 protected:
  void SetUp() override;

  // A plan for the probe as root in the test's root.
  LaunchPlan probe_plan(RootSwitch how = RootSwitch::kPivotRoot) const;
  // Forks; the child runs `prepare`, then launches.
  Outcome launch_in_child(const LaunchPlan& plan, const std::function<void()>& prepare = {},
                          const LaunchOptions& options = {});
  std::string root_path() const { return dir_.path() + "/root"; }

  test::TempDir dir_;
  sys::DirFd root_;
};

// For `prepare`: from now on the system call fails with EPERM, always or if its first argument has this
// value. The filter needs no_new_privs not to be set, so it needs CAP_SYS_ADMIN.
void deny_system_call(long number);
void deny_system_call(long number, unsigned first_argument);
// For `prepare`: gives up a capability for good (permitted and effective; the bounding set stays).
void give_up_capability(int capability);

}  // namespace agena::stage2
