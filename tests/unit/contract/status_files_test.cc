// Process ids and exit codes as files.
#include "common/contract/status_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::contract {
namespace {

using agena::test::ok;
using agena::test::TempDir;

TEST(PidFile, IsANumberAndANewline) {
  const TempDir pod;
  ASSERT_TRUE(ok(write_pid_file(pod.dir(), pod_paths::kPpid, 4711)));
  const std::string text = ASSERT_VALUE(sys::read_file(pod.dir(), pod_paths::kPpid));
  EXPECT_EQ(text, "4711\n");
  const auto pid = ASSERT_VALUE(read_pid_file(pod.dir(), pod_paths::kPpid));
  EXPECT_EQ(pid, 4711);
}

TEST(PidFile, ThatIsNotThereIsNoError) {
  const TempDir pod;
  const auto pid = ASSERT_VALUE(read_pid_file(pod.dir(), pod_paths::kPid));
  EXPECT_FALSE(pid.has_value());
}

TEST(PidFile, ThatIsNoNumberIsAnErrorThatNamesIt) {
  const TempDir pod;
  for (const char* text : {"", "\n", "x", "-1", "1 2", "99999999999999999999"}) {
    ASSERT_TRUE(ok(sys::write_file(pod.dir(), pod_paths::kPid, text)));
    const auto pid = read_pid_file(pod.dir(), pod_paths::kPid);
    ASSERT_FALSE(pid.has_value()) << "'" << text << "'";
    EXPECT_TRUE(pid.error().to_string().contains("'pid'")) << pid.error().to_string();
  }
}

TEST(PidFile, OfAnyWriterMayLackTheNewline) {
  const TempDir pod;
  ASSERT_TRUE(ok(sys::write_file(pod.dir(), pod_paths::kPid, " 17 ")));
  const auto pid = ASSERT_VALUE(read_pid_file(pod.dir(), pod_paths::kPid));
  EXPECT_EQ(pid, 17);
}

TEST(AppStatus, IsWrittenAndRead) {
  const TempDir root;
  ASSERT_TRUE(ok(sys::make_dirs(root.dir(), pod_paths::kStatusDir)));
  for (const int code : {0, 3, 255}) {
    ASSERT_TRUE(ok(write_app_status(root.dir(), "web", code)));
    const auto stored = ASSERT_VALUE(read_app_status(root.dir(), "web"));
    EXPECT_EQ(stored, code);
  }
  const std::string text = ASSERT_VALUE(sys::read_file(root.dir(), "rkt/status/web"));
  EXPECT_EQ(text, "255");
}

TEST(OomKills, AreKeptBesideTheExitCode) {
  const TempDir root;
  EXPECT_EQ(read_oom_kills(root.dir(), "web").value_or(9), 0U);
  ASSERT_TRUE(ok(sys::make_dirs(root.dir(), pod_paths::kStatusDir)));
  ASSERT_TRUE(ok(write_oom_kills(root.dir(), "web", 2)));
  EXPECT_EQ(read_oom_kills(root.dir(), "web").value_or(9), 2U);
  const auto code = ASSERT_VALUE(read_app_status(root.dir(), "web"));
  EXPECT_FALSE(code.has_value());
}

TEST(AppStatus, OfAnAppThatHasNotEnded) {
  const TempDir root;
  const auto before = ASSERT_VALUE(read_app_status(root.dir(), "web"));
  EXPECT_FALSE(before.has_value()) << "not even the directory is there";
  ASSERT_TRUE(ok(sys::make_dirs(root.dir(), pod_paths::kStatusDir)));
  const auto code = ASSERT_VALUE(read_app_status(root.dir(), "web"));
  EXPECT_FALSE(code.has_value());
}

TEST(AppStatus, NoHalfWrittenFileIsEverSeen) {
  const TempDir root;
  ASSERT_TRUE(ok(sys::make_dirs(root.dir(), pod_paths::kStatusDir)));
  ASSERT_TRUE(ok(write_app_status(root.dir(), "web", 1)));
  struct stat before{};
  ASSERT_EQ(::fstatat(root.dir().get(), "rkt/status/web", &before, 0), 0);
  ASSERT_TRUE(ok(write_app_status(root.dir(), "web", 2)));
  struct stat after{};
  ASSERT_EQ(::fstatat(root.dir().get(), "rkt/status/web", &after, 0), 0);
  EXPECT_NE(before.st_ino, after.st_ino) << "it was written in place instead of renamed";
  const std::vector<std::string> names = ASSERT_VALUE(sys::list_dir(root.dir(), pod_paths::kStatusDir));
  EXPECT_EQ(names, std::vector<std::string>{"web"}) << "a temporary file was left";
}

TEST(AppStatus, BeyondAnExitCodeIsAnError) {
  const TempDir root;
  ASSERT_TRUE(ok(sys::make_dirs(root.dir(), pod_paths::kStatusDir)));
  for (const char* text : {"256", "-1", "exited", ""}) {
    ASSERT_TRUE(ok(sys::write_file(root.dir(), "rkt/status/web", text)));
    EXPECT_FALSE(read_app_status(root.dir(), "web").has_value()) << "'" << text << "'";
  }
}

}  // namespace
}  // namespace agena::contract
