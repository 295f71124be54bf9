// Every step of the table is made to fail, and the failure must be told with its own code.
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <set>

#include "common/base/strings.h"
#include "common/stage2/exit_codes.h"
#include "common/sys/fs.h"
#include "tests/integration/stage2/launch_fixture.h"

namespace agena::stage2 {
namespace {

using test::ok;

class FailingStep : public LaunchTest {
 protected:
  // Expects this failure and nothing else.
  void expect_failure(const LaunchPlan& plan, const std::string& step, int exit_code,
                      const std::string& reason, const std::function<void()>& prepare = {},
                      const LaunchOptions& options = {}) {
    const Outcome outcome = launch_in_child(plan, prepare, options);
    EXPECT_EQ(outcome.step, step) << outcome.text << outcome.output;
    EXPECT_EQ(outcome.exit_code, exit_code);
    EXPECT_EQ(outcome.text, "cannot start app 'probe': " + reason);
    EXPECT_FALSE(outcome.told_hub);
    failed_.insert(outcome.step);
  }

  std::set<std::string> failed_;
};

TEST_F(FailingStep, EachIsTold) {
  const LaunchPlan good = probe_plan();

  LaunchPlan plan = good;
  plan.hub_socket = "/nowhere/hub";
  expect_failure(
      plan, "standard streams", kExitStdio,
      "standard streams: reaching the pod's hub: connecting to socket '/nowhere/hub': no such file or "
      "directory");

  plan = good;
  plan.oom_score_adjust = 5;
  expect_failure(plan, "OOM score", kExitOomScore,
                 "OOM score: opening '/proc/self/oom_score_adj': operation not permitted",
                 [] { deny_system_call(SYS_openat); });

  plan = good;
  plan.selinux_context = "a:b:c:d";
  expect_failure(plan, "security attributes", kExitSelinux,
                 "security attributes: opening '/proc/self/attr': operation not permitted",
                 [] { deny_system_call(SYS_openat); });

  plan = good;
  plan.root = "/nowhere/root";
  expect_failure(plan, "root", kExitRoot,
                 "root: '/nowhere/root': taking the mount of '/nowhere/root': no such file or directory");

  plan = good;
  plan.user = "nobody-here";
  expect_failure(plan, "user and group", kExitUser,
                 "user and group: user 'nobody-here' not found in the image's /etc/passwd");

  plan = good;
  plan.working_directory = "/nope";
  expect_failure(plan, "working directory", kExitWorkingDirectory,
                 "working directory: '/nope': no such file or directory");

  plan = good;
  plan.nice = -20;
  expect_failure(plan, "nice level", kExitNice, "nice level: setting it to -20: permission denied",
                 [] { give_up_capability(CAP_SYS_NICE); });

  plan = good;
  plan.limits = {{.resource = RLIMIT_RTPRIO, .soft = 99, .hard = 99}};
  expect_failure(plan, "resource limits", kExitLimits,
                 "resource limits: setting RLIMIT_RTPRIO to 99:99: operation not permitted",
                 [] { give_up_capability(CAP_SYS_RESOURCE); });

  plan = good;
  plan.group = "44";
  expect_failure(plan, "group", kExitGroup, "group: setting 0 supplementary groups: operation not permitted",
                 [] { give_up_capability(CAP_SETGID); });

  plan = good;
  plan.bounding_set = sys::CapabilitySet();
  expect_failure(
      plan, "capability bounding set", kExitCapabilities,
      "capability bounding set: dropping CAP_CHOWN from the capability bounding set: operation not "
      "permitted",
      [] { give_up_capability(CAP_SETPCAP); });

  plan = good;
  plan.private_processes = true;
  expect_failure(plan, "process domain", kExitCapabilities,
                 "process domain: entering a Landlock domain: operation not permitted",
                 [] { deny_system_call(SYS_landlock_restrict_self); });

  plan = good;
  plan.user = "33";
  expect_failure(plan, "user", kExitUser, "user: changing to user 33: operation not permitted",
                 [] { give_up_capability(CAP_SETUID); });

  plan = good;
  plan.bounding_set = sys::CapabilitySet(~std::uint64_t{0});
  expect_failure(plan, "capabilities", kExitCapabilities,
                 "capabilities: setting capabilities: operation not permitted",
                 [] { deny_system_call(SYS_capset); });

  plan = good;
  plan.no_new_privileges = true;
  expect_failure(plan, "no new privileges", kExitNoNewPrivileges,
                 "no new privileges: setting it: operation not permitted",
                 [] { deny_system_call(SYS_prctl, PR_SET_NO_NEW_PRIVS); });

  expect_failure(good, "descriptors", kExitDescriptors,
                 "descriptors: changing close-on-exec of descriptor 180: bad file descriptor", {},
                 {.keep_fds = {180}});

  // Not enough parts for any security module.
  plan = good;
  plan.selinux_context = "-";
  expect_failure(plan, "SELinux context", kExitSelinux, "SELinux context: '-': writing: invalid argument");
  plan = good;
  plan.apparmor_profile = "-";
  expect_failure(plan, "AppArmor profile", kExitApparmor, "AppArmor profile: '-': writing: invalid argument");

  plan = good;
  plan.seccomp_filter = std::string(8, '\0');  // one instruction that loads, and no end
  expect_failure(plan, "system call filter", kExitSeccomp,
                 "system call filter: installing it: invalid argument");

  plan = good;
  plan.argv = {"nope"};
  expect_failure(plan, "program", kExitNotFound, "unable to find 'nope' in '/usr/bin:/bin'");

  // Terminal and owner of the streams need a hub; hub_test.cc has them.
  std::set<std::string> all;
  for (const LaunchStep& step : launch_steps()) all.emplace(step.name);
  failed_.insert({"controlling terminal", "owner of the standard streams"});
  EXPECT_EQ(failed_, all);
}

class FailingProgram : public LaunchTest {
 protected:
  std::string failure_of(const std::string& path, mode_t mode, std::string_view content,
                         const LaunchPlan& base) {
    EXPECT_TRUE(ok(sys::write_file(root_, "bin/it", content, mode)));
    LaunchPlan plan = base;
    plan.argv = {path};
    const Outcome outcome = launch_in_child(plan);
    EXPECT_EQ(outcome.step, "program");
    EXPECT_EQ(outcome.exit_code, kExitCannotExecute);
    return outcome.text;
  }
};

TEST_F(FailingProgram, IsExplainedByTheKernelsOwnRefusal) {
  const LaunchPlan plan = probe_plan();
  const std::string start = "cannot start app 'probe': ";
  EXPECT_EQ(failure_of("it", 0644, "", plan),
            start + "cannot execute '/bin/it': its mode 0644 has no execute permission");
  EXPECT_EQ(failure_of("/bin/it", 0755, "", plan), start + "program '/bin/it' is an empty file");
  EXPECT_EQ(failure_of("it", 0755, "just text\n", plan),
            start + "'/bin/it' is neither a program nor a script with a '#!' line");
  EXPECT_EQ(failure_of("it", 0755, "#!/bin/nothing\n", plan),
            start + "script '/bin/it' needs the interpreter '/bin/nothing', which is not in the app's root");
  EXPECT_EQ(failure_of("it", 0755, "#!/etc/passwd\n", plan),
            start + "'/etc/passwd', which runs '/bin/it', cannot be executed: permission denied");
  LaunchPlan other = plan;
  other.user = "33";
  EXPECT_EQ(failure_of("it", 0744, "#!/bin/probe\n", other),
            start + "cannot execute '/bin/it': its mode 0744 and owner 0:0 do not let user 33 execute it");
}

TEST_F(FailingProgram, ADynamicOneWithoutItsLoaderNamesIt) {
  const auto host_program = sys::read_file(sys::at_cwd(), "/proc/self/exe", 512U << 20U);
  ASSERT_TRUE(ok(host_program));
  const std::string text = failure_of("it", 0755, *host_program, probe_plan());
  EXPECT_TRUE(text.starts_with("cannot start app 'probe': program '/bin/it' needs the loader '/lib")) << text;
}

TEST_F(FailingProgram, OfAnotherMachineIsNamed) {
  auto probe = sys::read_file(sys::at_cwd(), AGENA_PROBE, 512U << 20U);
  ASSERT_TRUE(ok(probe));
  // e_machine: EM_ALPHA's official number, for which nobody registers an emulator.
  (*probe)[18] = 41;
  (*probe)[19] = 0;
  const std::string text = failure_of("it", 0755, *probe, probe_plan());
  EXPECT_TRUE(
      text.starts_with("cannot start app 'probe': program '/bin/it' is damaged or made for machine type 41;"))
      << text;
}

}  // namespace
}  // namespace agena::stage2
