#include "tests/integration/stage2/launch_fixture.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "common/base/strings.h"
#include "common/sys/caps.h"
#include "common/sys/fs.h"
#include "common/sys/mount.h"
#include "common/sys/namespaces.h"
#include "common/sys/path_in_root.h"

namespace agena::stage2 {
namespace {

using test::ok;

// A child cannot report through gtest; it ends with a code that no launch gives.
constexpr int kBrokenTest = 99;

void must(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "test: %s failed\n", what);
  ::_exit(kBrokenTest);
}

void bind_proc(const std::string& root_path) {
  must(sys::enter_private_mount_namespace().has_value(), "making a mount namespace");
  // A descriptor from before belongs to the other namespace, where nothing may be mounted from here.
  const auto root = sys::open_dir(root_path);
  must(root.has_value(), "opening the root");
  const auto proc = sys::clone_mount(sys::at_cwd(), "/proc", true);
  const auto target = sys::make_mount_point(*root, "/proc", false);
  must(proc && target && sys::attach_mount(*proc, *target), "mounting /proc");
}

// "step\ntext\ntold" from the child's report pipe.
void read_report(int fd, Outcome& outcome) {
  const auto report = sys::read_all(fd);
  if (!report || report->empty()) return;
  const std::vector<std::string> fields = split(*report, '\n');
  outcome.step = fields.at(0);
  outcome.text = fields.at(1);
  outcome.told_hub = fields.at(2) == "1";
}

[[noreturn]] void run_child(const LaunchPlan& plan, const LaunchOptions& options, int output, int report) {
  must(::dup2(output, STDOUT_FILENO) >= 0 && ::dup2(output, STDERR_FILENO) >= 0, "dup2");
  const LaunchFailure failure = launch(plan, options);
  (void)sys::write_all(report,
                       fmt::format("{}\n{}\n{}", failure.step, failure.text, failure.told_hub ? 1 : 0));
  ::_exit(failure.exit_code);
}

}  // namespace

bool Outcome::tells(const std::string& line) const {
  for (const std::string& told : split(output, '\n'))
    if (told == line) return true;
  return false;
}

void LaunchTest::SetUp() {
  if (::geteuid() != 0) {
    std::fprintf(stderr, "needs root\n");
    std::exit(std::getenv("REQUIRE_CAPS") == nullptr ? 77 : 1);
  }
  for (const char* path : {"root/bin", "root/dev", "root/etc", "root/proc", "root/srv", "root/usr/bin"})
    ASSERT_TRUE(ok(sys::make_dirs(dir_.dir(), path)));
  auto root = sys::open_dir(dir_.dir(), "root");
  ASSERT_TRUE(ok(root));
  root_ = *std::move(root);
  // mkdtemp made it 0700, through which no other user could pass after a chroot.
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  const auto probe = sys::read_file(sys::at_cwd(), AGENA_PROBE, 64U << 20U);
  ASSERT_TRUE(ok(probe));
  ASSERT_TRUE(ok(sys::write_file(root_, "bin/probe", *probe, 0755)));
  ASSERT_EQ(::mknodat(root_.get(), "dev/null", S_IFCHR | 0666, makedev(1, 3)), 0);
  ASSERT_EQ(::mknodat(root_.get(), "dev/tty", S_IFCHR | 0666, makedev(5, 0)), 0);
  ASSERT_EQ(::fchmodat(root_.get(), "dev/tty", 0666, 0), 0);
  ASSERT_TRUE(ok(sys::write_file(root_, "etc/passwd", "root:x:0:0::/:\nwww:x:33:44::/srv:\n")));
  ASSERT_TRUE(ok(sys::write_file(root_, "etc/group", "web:x:50:www\nmail:x:60:www\n")));
}

LaunchPlan LaunchTest::probe_plan(RootSwitch how) const {
  LaunchPlan plan;
  plan.app = "probe";
  plan.root_switch = how;
  plan.root = root_path();
  plan.argv = {"probe"};
  plan.environment = {{"PATH", "/usr/bin:/bin"}};
  return plan;
}

Outcome LaunchTest::launch_in_child(const LaunchPlan& plan, const std::function<void()>& prepare,
                                    const LaunchOptions& options) {
  auto output = sys::make_pipe();
  auto report = sys::make_pipe();
  EXPECT_TRUE(ok(output) && ok(report));
  const pid_t child = ::fork();
  if (child == 0) {
    bind_proc(root_path());
    if (prepare) prepare();
    run_child(plan, options, output->write.get(), report->write.get());
  }
  output->write.reset();
  report->write.reset();
  Outcome outcome;
  outcome.output = sys::read_all(output->read.get()).value_or("");
  read_report(report->read.get(), outcome);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  EXPECT_NE(outcome.exit_code, kBrokenTest) << outcome.output;
  return outcome;
}

namespace {

void load_filter(std::vector<sock_filter> filter) {
  sock_fprog program{.len = static_cast<unsigned short>(filter.size()), .filter = filter.data()};
  must(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "loading a seccomp filter");
}

constexpr auto kLoad = static_cast<std::uint16_t>(BPF_LD | BPF_W | BPF_ABS);
constexpr auto kJumpIfEqual = static_cast<std::uint16_t>(BPF_JMP | BPF_JEQ | BPF_K);
constexpr auto kReturn = static_cast<std::uint16_t>(BPF_RET | BPF_K);
constexpr sock_filter kAllow = {kReturn, 0, 0, SECCOMP_RET_ALLOW};
constexpr sock_filter kDeny = {kReturn, 0, 0, SECCOMP_RET_ERRNO | EPERM};
constexpr sock_filter kLoadNumber = {kLoad, 0, 0, offsetof(seccomp_data, nr)};
// Low half of the first argument on little-endian machines.
constexpr sock_filter kLoadArgument = {kLoad, 0, 0, offsetof(seccomp_data, args)};

sock_filter skip_unless(std::uint32_t value, std::uint8_t count) { return {kJumpIfEqual, 0, count, value}; }

}  // namespace

void deny_system_call(long number) {
  load_filter({kLoadNumber, skip_unless(static_cast<std::uint32_t>(number), 1), kDeny, kAllow});
}

void deny_system_call(long number, unsigned first_argument) {
  load_filter({kLoadNumber, skip_unless(static_cast<std::uint32_t>(number), 3), kLoadArgument,
               skip_unless(first_argument, 1), kDeny, kAllow});
}

void give_up_capability(int capability) {
  auto sets = sys::thread_capabilities();
  must(sets.has_value(), "reading capabilities");
  sets->permitted.remove(capability);
  sets->effective.remove(capability);
  must(sys::set_thread_capabilities(*sets).has_value(), "giving up a capability");
}

}  // namespace agena::stage2
