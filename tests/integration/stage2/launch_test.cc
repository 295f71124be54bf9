#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/strings.h"
#include "common/stage2/exit_codes.h"
#include "common/sys/fs.h"
#include "common/sys/mount_plan.h"
#include "common/sys/namespaces.h"
#include "tests/integration/stage2/launch_fixture.h"

namespace agena::stage2 {
namespace {

using test::ok;

std::string caps_line(const char* name, std::uint64_t bits) {
  return fmt::format("status {}:\t{:016x}", name, bits);
}

TEST_F(LaunchTest, RootWithABoundingSetHasExactlyIt) {
  LaunchPlan plan = probe_plan();
  const auto set = sys::CapabilitySet::parse({"CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"});
  ASSERT_TRUE(ok(set));
  plan.bounding_set = *set;
  const Outcome outcome = launch_in_child(plan);
  EXPECT_EQ(outcome.exit_code, 7) << outcome.text << outcome.output;
  for (const char* name : {"CapPrm", "CapEff", "CapBnd"})
    EXPECT_TRUE(outcome.tells(caps_line(name, set->bits()))) << outcome.output;
  for (const char* name : {"CapInh", "CapAmb"}) EXPECT_TRUE(outcome.tells(caps_line(name, 0)));
  EXPECT_TRUE(outcome.tells("uid=0 gid=0"));
  EXPECT_TRUE(outcome.tells("status NoNewPrivs:\t0"));
}

TEST_F(LaunchTest, AnotherUserHasTheBoundingSetOnly) {
  LaunchPlan plan = probe_plan();
  plan.user = "www";
  plan.group = "";
  plan.supplementary_gids = {5};
  plan.bounding_set = sys::CapabilitySet(1U << CAP_CHOWN | 1U << CAP_SETUID);
  plan.no_new_privileges = true;
  const Outcome outcome = launch_in_child(plan);
  EXPECT_EQ(outcome.exit_code, 7) << outcome.text;
  EXPECT_TRUE(outcome.tells("uid=33 gid=44")) << outcome.output;
  EXPECT_TRUE(outcome.tells("groups=5 50 60"));
  EXPECT_TRUE(outcome.tells(caps_line("CapBnd", plan.bounding_set->bits())));
  for (const char* name : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
    EXPECT_TRUE(outcome.tells(caps_line(name, 0)));
  EXPECT_TRUE(outcome.tells("status NoNewPrivs:\t1"));
  EXPECT_TRUE(outcome.tells("status Uid:\t33\t33\t33\t33"));
  EXPECT_TRUE(outcome.tells("status Gid:\t44\t44\t44\t44"));
}

TEST_F(LaunchTest, WithoutABoundingSetNothingIsDropped) {
  const auto before = sys::bounding_set();
  ASSERT_TRUE(ok(before));
  const Outcome outcome = launch_in_child(probe_plan(RootSwitch::kChroot));
  EXPECT_TRUE(outcome.tells(caps_line("CapBnd", before->bits()))) << outcome.text;
}

TEST_F(LaunchTest, LimitsNiceAndOomScore) {
  LaunchPlan plan = probe_plan();
  plan.limits = {{.resource = RLIMIT_NOFILE, .soft = 64, .hard = 128}};
  plan.nice = 7;
  plan.oom_score_adjust = 900;
  const Outcome outcome = launch_in_child(plan);
  EXPECT_TRUE(outcome.tells("nofile=64:128")) << outcome.text << outcome.output;
  EXPECT_TRUE(outcome.tells("nice=7"));
  EXPECT_TRUE(outcome.tells("oom=900"));
}

TEST_F(LaunchTest, WhatWasInheritedIsShed) {
  const Outcome outcome = launch_in_child(probe_plan(), [] {
    ::umask(0077);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    // Without close-on-exec.
    (void)::dup2(0, 50);
    ::setenv("SECRET", "x", 1);
  });
  EXPECT_TRUE(outcome.tells("umask=0022")) << outcome.text;
  EXPECT_TRUE(outcome.tells("status SigBlk:\t0000000000000000"));
  // Only SIGHUP, as under nohup.
  EXPECT_TRUE(outcome.tells("status SigIgn:\t0000000000000001")) << outcome.output;
  EXPECT_TRUE(outcome.tells("fds=0 1 2")) << outcome.output;
  EXPECT_FALSE(outcome.tells("env SECRET=x"));
  EXPECT_TRUE(outcome.tells("env PATH=/usr/bin:/bin"));
  EXPECT_TRUE(outcome.tells("argv0=probe"));
}

TEST_F(LaunchTest, ClosedStandardDescriptorsAreFilled) {
  const Outcome outcome = launch_in_child(probe_plan(), [] { ::close(0); });
  EXPECT_TRUE(outcome.tells("fds=0 1 2")) << outcome.text << outcome.output;
  EXPECT_TRUE(outcome.tells("fd0=character owner=0 tty=0 device=259"));
}

TEST_F(LaunchTest, DescriptorsThatAreMeantForTheAppStayOpen) {
  LaunchPlan plan = probe_plan();
  plan.pass_environment = {"LISTEN_FDS", "LISTEN_PID"};
  const auto prepare = [] {
    for (const int fd : {3, 4, 5, 60, 61}) (void)::dup3(0, fd, O_CLOEXEC);
    ::setenv("LISTEN_FDS", "2", 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  };
  const Outcome outcome = launch_in_child(plan, prepare, {.keep_fds = {1, 61}});
  EXPECT_TRUE(outcome.tells("fds=0 1 2 3 4 61")) << outcome.text << outcome.output;
  EXPECT_TRUE(outcome.tells("env LISTEN_FDS=2"));
}

TEST_F(LaunchTest, AfterAPivotTheOldRootIsGone) {
  LaunchPlan plan = probe_plan();
  plan.argv = {"probe", "touch", "/made", "touch", "/../../../../outside", "touch", root_path() + "/x"};
  const Outcome outcome = launch_in_child(plan);
  EXPECT_TRUE(outcome.tells("touch /made=done")) << outcome.text;
  EXPECT_TRUE(outcome.tells("touch " + root_path() + "/x=ENOENT")) << outcome.output;
  EXPECT_TRUE(*sys::exists(root_, "made"));
  EXPECT_TRUE(*sys::exists(root_, "outside")) << "'..' of the root is the root";
  EXPECT_FALSE(*sys::exists(sys::at_cwd(), "/outside"));
}

TEST_F(LaunchTest, AReadOnlyRootKeepsWhatIsMountedBelowWritable) {
  for (const RootSwitch how : {RootSwitch::kPivotRoot, RootSwitch::kChroot}) {
    LaunchPlan plan = probe_plan(how);
    plan.read_only_root = true;
    // /proc is a mount of its own.
    plan.argv = {"probe", "touch", "/made", "touch", "/proc/self/comm"};
    const Outcome outcome = launch_in_child(plan);
    EXPECT_TRUE(outcome.tells("touch /made=EROFS")) << outcome.text << outcome.output;
    EXPECT_TRUE(outcome.tells("touch /proc/self/comm=done"));
    EXPECT_FALSE(*sys::exists(root_, "made"));
    // Seen from outside nothing has changed.
    EXPECT_TRUE(ok(sys::write_file(root_, "outside-can-write", "")));
  }
}

// A process in a mount namespace of its own, whose root is the app's.
class Holder {
 public:
  explicit Holder(const std::string& root) {
    sys::Pipe pipe = sys::make_pipe().value();
    pid_ = ::fork();
    if (pid_ == 0) {
      const auto hold = [&]() -> Result<> {
        TRY(sys::enter_private_mount_namespace());
        TRY(sys::run_mount_plan(TRY(sys::open_dir("/")), {{.target = root, .source = root, .recursive = true},
                                                          {.target = root + "/proc", .source = "/proc"}}));
        TRY(sys::switch_root(TRY(sys::open_dir(root))));
        return sys::write_all(pipe.write.get(), "!");
      };
      if (!hold()) ::_exit(1);
      ::pause();
      ::_exit(0);
    }
    pipe.write.reset();
    char byte = 0;
    EXPECT_EQ(::read(pipe.read.get(), &byte, 1), 1);
  }
  ~Holder() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::string mounts() const { return fmt::format("/proc/{}/ns/mnt", pid_); }

 private:
  pid_t pid_;
};

TEST_F(LaunchTest, AMountNamespaceThatSomebodyMade) {
  const Holder holder(root_path());
  LaunchPlan plan = probe_plan(RootSwitch::kMountNamespace);
  plan.root = holder.mounts();
  plan.argv = {"probe", "touch", "/made", "touch", root_path() + "/x", "touch", "/../../../outside"};
  const Outcome outcome = launch_in_child(plan);
  EXPECT_TRUE(outcome.tells("touch /made=done")) << outcome.text << outcome.output;
  EXPECT_TRUE(outcome.tells("touch " + root_path() + "/x=ENOENT")) << outcome.output;
  EXPECT_TRUE(*sys::exists(root_, "outside"));

  plan.read_only_root = true;
  plan.argv = {"probe", "touch", "/again", "touch", "/proc/self/comm"};
  const Outcome read_only = launch_in_child(plan);
  EXPECT_TRUE(read_only.tells("touch /again=EROFS")) << read_only.text << read_only.output;
  EXPECT_TRUE(read_only.tells("touch /proc/self/comm=done"));
  // It was the program's own copy that was made so.
  plan.read_only_root = false;
  plan.argv = {"probe", "touch", "/again"};
  EXPECT_TRUE(launch_in_child(plan).tells("touch /again=done"));

  plan.root = root_path();
  const Outcome wrong = launch_in_child(plan);
  EXPECT_EQ(wrong.step, "root");
  EXPECT_TRUE(wrong.text.contains("joining a mount namespace")) << wrong.text;
}

TEST_F(LaunchTest, TheWorkingDirectoryIsInsideTheRootAndMadeIfWanted) {
  LaunchPlan plan = probe_plan();
  plan.working_directory = "/srv";
  EXPECT_TRUE(launch_in_child(plan).tells("cwd=/srv"));
  ASSERT_TRUE(ok(sys::make_symlink("/srv", root_, "link")));
  plan.working_directory = "/link/a/b";
  plan.create_working_directory = true;
  plan.user = "33";
  const Outcome outcome = launch_in_child(plan);
  EXPECT_TRUE(outcome.tells("cwd=/srv/a/b")) << outcome.text << outcome.output;
  const auto made = sys::stat_at(root_, "srv/a/b");
  ASSERT_TRUE(ok(made));
  EXPECT_EQ(made->st_mode & 07777U, 0755U);
  EXPECT_EQ(made->st_uid, 0U);
}

TEST_F(LaunchTest, AProgramIsFoundWithTheAppsRights) {
  // The first directory of PATH has the program, but the user may not search it.
  ASSERT_TRUE(ok(sys::make_dir(root_, "usr/bin", 0700)));
  ASSERT_TRUE(ok(sys::write_file(root_, "usr/bin/probe", "#!/nope\n", 0755)));
  ASSERT_EQ(::fchmodat(root_.get(), "usr/bin", 0700, 0), 0);
  LaunchPlan plan = probe_plan();
  plan.user = "33";
  EXPECT_EQ(launch_in_child(plan).exit_code, 7);
  plan.user = "0";
  const Outcome as_root = launch_in_child(plan);
  EXPECT_EQ(as_root.exit_code, kExitCannotExecute);
  EXPECT_EQ(
      as_root.text,
      "cannot start app 'probe': script '/usr/bin/probe' needs the interpreter '/nope', which is not in the "
      "app's root");
}

TEST_F(LaunchTest, NullStreams) {
  LaunchPlan plan = probe_plan();
  plan.stdio.input = StreamMode::kNull;
  const Outcome outcome = launch_in_child(plan, [] { (void)::dup2(STDOUT_FILENO, STDIN_FILENO); });
  EXPECT_TRUE(outcome.tells("fd0=character owner=0 tty=0 device=259")) << outcome.output;
  plan.stdio.output = StreamMode::kNull;
  const Outcome silent = launch_in_child(plan);
  EXPECT_EQ(silent.exit_code, 7);
  EXPECT_EQ(silent.output, "");
}

}  // namespace
}  // namespace agena::stage2
