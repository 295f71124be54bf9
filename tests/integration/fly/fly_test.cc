// The fly flavour's programs, driven as stage0 drives them: by argv, environment and working directory alone.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "common/base/strings.h"
#include "common/contract/status_files.h"
#include "common/stage2/exit_codes.h"
#include "common/sys/fs.h"
#include "tests/support/temp_dir.h"

namespace agena::fly {
namespace {

using test::ok;
using Texts = std::vector<std::string>;

constexpr const char* kUuid = "6a3c1f54-4e1c-4c7a-9a53-0123456789ab";
constexpr int kLockFd = 40;

// A started entrypoint.
struct Process {
  pid_t pid = -1;
  sys::UniqueFd output;
};

struct Ended {
  int exit_code = -1;  // 128 + signal
  std::string output;

  bool tells(const std::string& line) const {
    for (const std::string& told : split(output, '\n'))
      if (told == line) return true;
    return false;
  }
};

class FlyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      std::fprintf(stderr, "needs root\n");
      std::exit(std::getenv("REQUIRE_CAPS") == nullptr ? 77 : 1);
    }
    for (const char* path :
         {"appsinfo/web", "stage1/rootfs/rkt/env", "stage1/rootfs/opt/stage2/web/rootfs/bin"})
      ASSERT_TRUE(ok(sys::make_dirs(dir_.dir(), path)));
    ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
    const auto probe = sys::read_file(sys::at_cwd(), AGENA_PROBE, 64U << 20U);
    ASSERT_TRUE(ok(probe));
    ASSERT_TRUE(ok(sys::write_file(dir_.dir(), kRoot + "/bin/probe", *probe, 0755)));
  }

  // A pod with one app; `app` is added to its section, `volumes` to the pod.
  void write_pod(const Texts& exec, const std::string& app = "", const std::string& volumes = "",
                 const std::string& runtime = "") {
    std::string program;
    for (const std::string& word : exec) program += (program.empty() ? "\"" : ",\"") + word + "\"";
    write("appsinfo/web/manifest",
          R"({"acKind":"ImageManifest","acVersion":"0.8.11","name":"example.com/web","labels":[)"
          R"({"name":"os","value":"linux"},{"name":"arch","value":"amd64"}],"app":{"exec":[)" +
              program + "]" + (app.empty() ? R"(,"user":"0","group":"0")" : app) + "}}");
    write("pod",
          R"({"acVersion":"0.8.11","acKind":"PodManifest","apps":[{"name":"web","image":{"id":"sha512-)" +
              std::string(64, 'a') + "\"}" + runtime + R"(}],"volumes":[)" + volumes +
              R"(],"isolators":[],"annotations":[],"ports":[]})");
  }

  void write(const std::string& path, const std::string& text) {
    ASSERT_TRUE(ok(sys::write_file(dir_.dir(), path, text)));
  }

  // Starts an entrypoint as stage0 does: exec with the entrypoint's name as argv[0], in the pod directory.
  Process start(Texts argv, bool with_lock = true) {
    auto output = sys::make_pipe();
    EXPECT_TRUE(ok(output));
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(output->write.get(), STDOUT_FILENO);
      ::dup2(output->write.get(), STDERR_FILENO);
      exec_entrypoint(argv, with_lock);
    }
    return {child, std::move(output->read)};
  }

  Ended wait(Process process) {
    Ended ended;
    ended.output = sys::read_all(process.output.get()).value_or("");
    int status = 0;
    EXPECT_EQ(::waitpid(process.pid, &status, 0), process.pid);
    ended.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return ended;
  }

  Ended call(Texts argv) { return wait(start(std::move(argv))); }
  // While the pod runs: enter and stop are called by processes that do not hold its lock.
  Ended call_without_lock(Texts argv) { return wait(start(std::move(argv), false)); }

  // Reads the output of a running app until it has told this line.
  static void wait_for_line(const Process& process, const std::string& line) {
    std::string told;
    std::array<char, 4096> buffer{};
    while (told.find(line + "\n") == std::string::npos) {
      const ssize_t n = ::read(process.output.get(), buffer.data(), buffer.size());
      ASSERT_GT(n, 0) << "the app ended: " << told;
      told.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }

  static std::string mounts_of_this_process() {
    return sys::read_file(sys::at_cwd(), "/proc/self/mountinfo").value_or("unreadable");
  }

  const std::string kRoot = "stage1/rootfs/opt/stage2/web/rootfs";
  test::TempDir dir_;
  bool close_stdin_ = false;  // of what is started

 private:
  [[noreturn]] void exec_entrypoint(Texts& argv, bool with_lock) const {
    const int lock = ::open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (with_lock && (lock < 0 || ::flock(lock, LOCK_EX) != 0 || ::dup2(lock, kLockFd) < 0)) ::_exit(99);
    if (::chdir(dir_.path().c_str()) != 0) ::_exit(99);
    const std::string lock_variable = fmt::format("RKT_LOCK_FD={}", kLockFd);
    Texts environment = {lock_variable, "TERM=test", "SECRET=x"};
    std::vector<char*> arguments;
    std::vector<char*> variables;
    for (std::string& text : argv) arguments.push_back(text.data());
    for (std::string& text : environment) variables.push_back(text.data());
    arguments.push_back(nullptr);
    variables.push_back(nullptr);
    if (close_stdin_) ::close(STDIN_FILENO);
    ::execve(AGENA_STAGE1_FLY, arguments.data(), variables.data());
    ::_exit(98);
  }
};

TEST_F(FlyTest, TheAppReplacesRunAndLeavesNothingMounted) {
  write_pod(
      {"probe", "touch", "/tmp/x", "touch", "/made", "exists", "/dev/null", "exists", "/sys/kernel", "exists",
       "/etc/resolv.conf"},
      R"(,"user":"33","group":"44","supplementaryGIDs":[7],"workingDirectory":"/bin","environment":[{"name":"A","value":"1"}])");
  const std::string mounts = mounts_of_this_process();
  const Process process = start({"run", "--net=host", "--dns-conf-mode=resolv=host,hosts=default", kUuid});
  const pid_t pid = process.pid;
  const Ended ended = wait({pid, sys::UniqueFd(::dup(process.output.get()))});
  EXPECT_EQ(ended.exit_code, 7) << ended.output;
  EXPECT_EQ(mounts_of_this_process(), mounts) << "this test's namespace stands for a host's";
  EXPECT_TRUE(ended.tells("uid=33 gid=44")) << ended.output;
  EXPECT_TRUE(ended.tells("groups=7"));
  EXPECT_TRUE(ended.tells("cwd=/bin"));
  EXPECT_TRUE(ended.tells("touch /tmp/x=done")) << "a /tmp of its own, writable for everybody";
  EXPECT_TRUE(ended.tells("touch /made=EACCES"));
  for (const char* path : {"/dev/null", "/sys/kernel", "/etc/resolv.conf"})
    EXPECT_TRUE(ended.tells(fmt::format("exists {}=1", path))) << ended.output;
  EXPECT_TRUE(ended.tells("env A=1"));
  EXPECT_TRUE(ended.tells("env AC_APP_NAME=web"));
  EXPECT_TRUE(ended.tells("env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
  EXPECT_FALSE(ended.tells("env SECRET=x"));
  EXPECT_TRUE(ended.tells(fmt::format("fds=0 1 2 {}", kLockFd))) << "the lock must live as long as the app";
  EXPECT_FALSE(*sys::exists(dir_.dir(), kRoot + "/tmp/x"));
  EXPECT_EQ(contract::read_pid_file(dir_.dir(), "pid").value_or(std::nullopt), pid);
  EXPECT_EQ(contract::read_pid_file(dir_.dir(), "pgid").value_or(std::nullopt), ::getpgrp());
  EXPECT_EQ(sys::read_link(dir_.dir(), "flavor").value_or(""), "fly");
}

TEST_F(FlyTest, AnImageWithoutHostsGetsOneAndOthersKeepTheirs) {
  write_pod({"probe"});
  EXPECT_EQ(call({"run", kUuid}).exit_code, 7);
  EXPECT_EQ(sys::read_file(dir_.dir(), kRoot + "/etc/hosts").value_or("").substr(0, 19),
            "127.0.0.1\tlocalhost");
  write(kRoot + "/etc/hosts", "own\n");
  EXPECT_EQ(call({"run", kUuid}).exit_code, 7);
  EXPECT_EQ(sys::read_file(dir_.dir(), kRoot + "/etc/hosts").value_or(""), "own\n");
}

TEST_F(FlyTest, VolumesAndAReadOnlyRoot) {
  const test::TempDir volumes;
  for (const char* name : {"rw", "ro"}) ASSERT_TRUE(ok(sys::make_dirs(volumes.dir(), name)));
  write_pod(
      {"probe", "touch", "/rw/x", "touch", "/ro/x", "touch", "/made"},
      R"(,"user":"0","group":"0","mountPoints":[{"name":"rw","path":"/rw"},{"name":"ro","path":"/ro","readOnly":true}])",
      fmt::format(
          R"({{"name":"rw","kind":"host","source":"{0}/rw"}},{{"name":"ro","kind":"host","source":"{0}/ro"}})",
          volumes.path()),
      R"(,"readOnlyRootFS":true)");
  const Ended ended = call({"run", kUuid});
  EXPECT_TRUE(ended.tells("touch /rw/x=done")) << ended.output;
  EXPECT_TRUE(ended.tells("touch /ro/x=EROFS"));
  EXPECT_TRUE(ended.tells("touch /made=EROFS"));
  EXPECT_TRUE(*sys::exists(volumes.dir(), "rw/x"));
  write_pod({"probe"}, "", R"({"name":"v","kind":"host","source":"/nowhere/at/all"})",
            R"(,"mounts":[{"volume":"v","path":"/v"}])");
  const Ended missing = call({"run", kUuid});
  EXPECT_EQ(missing.exit_code, 254);
  EXPECT_EQ(missing.output, "stage1-fly: app 'web': volume 'v' at '/v': the host has no '/nowhere/at/all'\n");
}

TEST_F(FlyTest, WhatCannotBeStartedIsTold) {
  write_pod({"nope"});
  const Ended ended = call({"run", kUuid});
  EXPECT_EQ(ended.exit_code, stage2::kExitNotFound);
  EXPECT_EQ(ended.output,
            "stage1-fly: cannot start app 'web': unable to find 'nope' in "
            "'/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'\n");
  EXPECT_EQ(call({"run", "--private-users=0:65536", kUuid}).exit_code, 254);
  EXPECT_EQ(call({"run", "not-a-uuid"}).exit_code, 254);
  EXPECT_EQ(call({"run"}).exit_code, 254);
  const Ended unknown = call({"app-add", "--app=a"});
  EXPECT_EQ(unknown.exit_code, 254);
  EXPECT_EQ(unknown.output, "stage1-fly: stage1-fly has no entrypoint 'app-add'\n");
}

TEST_F(FlyTest, AClosedStdinIsNotTakenForAFile) {
  write_pod({"probe"});
  close_stdin_ = true;
  const Ended ended = call({"run", kUuid});
  EXPECT_TRUE(ended.tells("fd0=character owner=0 tty=0 device=259")) << ended.output;
}

TEST_F(FlyTest, HandlersAreWarnedOf) {
  write_pod({"probe"},
            R"(,"user":"0","group":"0","eventHandlers":[{"name":"pre-start","exec":["/bin/probe"]}])");
  const Ended ended = call({"run", kUuid});
  EXPECT_EQ(ended.exit_code, 7);
  EXPECT_TRUE(
      ended.tells("stage1-fly: the pre-start and post-stop handlers of app 'web' are not run: stage1-fly has "
                  "no supervisor"))
      << ended.output;
}

TEST_F(FlyTest, EnterRunsACommandBesideTheApp) {
  write_pod({"probe", "touch", "/tmp/by-app", "pause", "60"},
            R"(,"user":"33","group":"44","environment":[{"name":"A","value":"from app"}])");
  Process app = start({"run", kUuid});
  wait_for_line(app, "touch /tmp/by-app=done");
  EXPECT_NE(::flock(::open(dir_.path().c_str(), O_RDONLY | O_CLOEXEC), LOCK_SH | LOCK_NB), 0)
      << "the app holds the lock";
  const std::string pid = fmt::format("--pid={}", app.pid);
  const Ended entered =
      call_without_lock({"enter", pid, "--appname=web", "--", "probe", "exists", "/tmp/by-app"});
  EXPECT_EQ(entered.exit_code, 7) << entered.output;
  EXPECT_TRUE(entered.tells("exists /tmp/by-app=1")) << entered.output;
  EXPECT_TRUE(entered.tells("uid=0 gid=0"));
  EXPECT_TRUE(entered.tells("cwd=/"));
  EXPECT_TRUE(entered.tells("env A=from app"));
  EXPECT_TRUE(entered.tells("env TERM=test"));
  EXPECT_FALSE(entered.tells("env SECRET=x"));
  EXPECT_EQ(call_without_lock({"enter", pid, "--", "nope"}).exit_code, stage2::kExitNotFound);
  EXPECT_EQ(call_without_lock({"enter", pid, "--appname=other", "--", "probe"}).output,
            "stage1-fly: the pod has no app 'other'\n");
  EXPECT_EQ(call_without_lock({"stop", kUuid}).exit_code, 0);
  EXPECT_EQ(wait(std::move(app)).exit_code, 128 + SIGTERM);
  EXPECT_EQ(call_without_lock({"enter", pid, "--", "probe"}).exit_code, 254);
}

TEST_F(FlyTest, StopByForceAndOfTheDead) {
  EXPECT_EQ(call({"stop", kUuid}).output, "stage1-fly: the pod has not started: 'pid' is not there\n");
  write_pod({"probe", "touch", "/tmp/up", "pause", "60"});
  Process app = start({"run", kUuid});
  wait_for_line(app, "touch /tmp/up=done");
  EXPECT_EQ(call_without_lock({"stop", "--force", kUuid}).exit_code, 0);
  EXPECT_EQ(wait(std::move(app)).exit_code, 128 + SIGKILL);
  // Nobody is left, and the recorded group is this test's own.
  EXPECT_EQ(call({"stop", "--force", kUuid}).exit_code, 0);
}

// The app itself is gone, and its number somebody else's.
TEST_F(FlyTest, StopEndsWhatTheAppLeftBehindAndNoStranger) {
  const std::string root = dir_.path() + "/" + kRoot;
  const auto fork_in = [](const std::string& at) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    if (!at.empty() && ::chroot(at.c_str()) != 0) ::_exit(1);
    while (true) ::pause();
  };
  for (const Texts& words : {Texts{"stop", kUuid}, Texts{"stop", "--force", kUuid}}) {
    const pid_t stranger = fork_in("");
    const pid_t left_behind = fork_in(root);
    const std::string link = "/proc/" + std::to_string(left_behind) + "/root";
    while (sys::read_link(sys::at_cwd(), link).value_or("/") == "/") ::usleep(1000);
    ASSERT_TRUE(ok(contract::write_pid_file(dir_.dir(), "pid", stranger)));
    ASSERT_TRUE(ok(contract::write_pid_file(dir_.dir(), "pgid", ::getpgrp())));
    EXPECT_EQ(call(words).exit_code, 0);
    int status = 0;
    ASSERT_EQ(::waitpid(left_behind, &status, 0), left_behind);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == (words.size() == 2 ? SIGTERM : SIGKILL));
    EXPECT_EQ(::waitpid(stranger, &status, WNOHANG), 0);
    ASSERT_EQ(::kill(stranger, SIGKILL), 0);
    ASSERT_EQ(::waitpid(stranger, &status, 0), stranger);
  }
}

TEST_F(FlyTest, GcOfADeadPodSucceedsAndTouchesNothing) {
  const auto before = sys::list_dir(dir_.dir());
  EXPECT_EQ(call({"gc", "--debug", kUuid}).exit_code, 0);
  EXPECT_EQ(*sys::list_dir(dir_.dir()), *before);
  EXPECT_EQ(call({"gc", "x"}).exit_code, 254);
}

TEST_F(FlyTest, UnderItsOwnNameTheFirstArgumentIsTheEntrypoint) {
  EXPECT_EQ(call({"/some/where/stage1-fly", "gc", kUuid}).exit_code, 0);
  EXPECT_EQ(call({"stage1-fly"}).exit_code, 254);
}

}  // namespace
}  // namespace agena::fly
