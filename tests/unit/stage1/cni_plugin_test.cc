// Calls of plugins, which are shell scripts here: what they get, and what becomes of each way to fail.
#include "stage1/net/cni_plugin.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/strings.h"
#include "common/sys/fd.h"
#include "common/sys/fs.h"
#include "common/sys/pidfd.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

using agena::testing::error_of;

class CniPlugin : public ::testing::Test {
 protected:
  void plugin(const std::string& name, std::string_view body) {
    ASSERT_TRUE(test::ok(sys::write_file(dir_.dir(), name, fmt::format("#!/bin/sh\n{}\n", body), 0755)));
  }
  PluginCall call(const std::string& type) {
    return {.command = "ADD",
            .type = type,
            .conf = R"({"name":"lab"})",
            .container_id = "11111111-2222-4333-8444-555555555555",
            .netns = "/proc/7/fd/9",
            .interface = "eth3",
            .args = "IP=10.0.0.7;a=b",
            .version = "0.4.0",
            .dirs = {dir_.path() + "/none", dir_.path()}};
  }
  // The error behind "plugin 'PATH': ".
  std::string reason(const PluginCall& made) {
    std::string error = error_of(call_plugin(made));
    const std::string prefix = fmt::format("plugin '{}/{}': ", dir_.path(), made.type);
    EXPECT_TRUE(error.starts_with(prefix)) << error;
    return error.substr(std::min(error.size(), prefix.size()));
  }

  test::TempDir dir_;
};

TEST_F(CniPlugin, GetsItsOrderInTheEnvironmentAndTheConfigurationOnStdin) {
  ::setenv("CNI_STRANGE", "1", 1);
  plugin("tell", "env | grep ^CNI_ | sort; cat");
  const std::string told = ASSERT_VALUE(call_plugin(call("tell")));
  ::unsetenv("CNI_STRANGE");
  EXPECT_EQ(told, fmt::format("CNI_ARGS=IP=10.0.0.7;a=b\nCNI_COMMAND=ADD\n"
                              "CNI_CONTAINERID=11111111-2222-4333-8444-555555555555\nCNI_IFNAME=eth3\n"
                              "CNI_NETNS=/proc/7/fd/9\nCNI_PATH={0}/none:{0}\nCNI_VERSION=0.4.0\n"
                              R"({{"name":"lab"}})",
                              dir_.path()));
}

TEST_F(CniPlugin, IsTheFirstProgramOfItsNameInTheDirectories) {
  ASSERT_TRUE(test::ok(sys::make_dir(dir_.dir(), "none")));
  ASSERT_TRUE(test::ok(sys::write_file(dir_.dir(), "none/which", "not executable", 0644)));
  plugin("which", "echo second");
  EXPECT_EQ(ASSERT_VALUE(call_plugin(call("which"))), "second\n");
  plugin("none/which", "echo first");
  EXPECT_EQ(ASSERT_VALUE(call_plugin(call("which"))), "first\n");
  EXPECT_EQ(error_of(call_plugin(call("nowhere"))),
            fmt::format("there is no plugin 'nowhere' in {0}/none:{0}", dir_.path()));
}

TEST_F(CniPlugin, TakesAConfigurationThatNoPipeHolds) {
  plugin("count", "wc -c");
  plugin("deaf", "echo heard nothing");
  PluginCall big = call("count");
  big.conf.assign(900'000, ' ');
  EXPECT_EQ(ASSERT_VALUE(call_plugin(big)), "900000\n");
  big.type = "deaf";
  EXPECT_EQ(ASSERT_VALUE(call_plugin(big)), "heard nothing\n");
}

TEST_F(CniPlugin, FailureTellsItsMessageAndDetails) {
  plugin("both",
         R"(echo '{"cniVersion":"0.4.0","code":7,"msg":"no addresses","details":"range is full"}'; exit 1)");
  plugin("message", R"(echo '{"code":7,"msg":"no \u001b[31maddresses"}'; exit 1)");
  EXPECT_EQ(reason(call("both")), "no addresses: range is full");
  EXPECT_EQ(reason(call("message")), "no \\x1b[31maddresses");
}

TEST_F(CniPlugin, FailureWithoutAMessageTellsHowItEnded) {
  plugin("silent", "exit 3");
  plugin("stderr", "echo 'cannot open /dev/x' >&2; exit 3");
  plugin("garbage", "echo 'panic: at the disco'; exit 2");
  plugin("other-json", "echo '[1]'; exit 2");
  plugin("killed", "kill -9 $$");
  EXPECT_EQ(reason(call("silent")), "it ended with status 3 and told no reason");
  EXPECT_EQ(reason(call("stderr")), "it ended with status 3: cannot open /dev/x");
  EXPECT_EQ(reason(call("garbage")), "it ended with status 2: panic: at the disco");
  EXPECT_EQ(reason(call("other-json")), "it ended with status 2: [1]");
  EXPECT_EQ(reason(call("killed")), "it was killed by signal 9 and told no reason");
}

TEST_F(CniPlugin, LongComplaintsAreShownInPart) {
  plugin("long", "head -c 300000 /dev/zero | tr '\\0' x >&2; echo the end >&2; exit 1");
  const std::string told = reason(call("long"));
  EXPECT_LT(told.size(), 5000U);
  EXPECT_TRUE(told.starts_with("it ended with status 1: xxx")) << told.substr(0, 100);
}

TEST_F(CniPlugin, OutputIsBounded) {
  plugin("flood", "exec cat /dev/zero");
  plugin("flood-stderr", "head -c 20000000 /dev/zero >&2; echo done");
  EXPECT_EQ(reason(call("flood")), "it printed more than 1048576 bytes");
  EXPECT_EQ(ASSERT_VALUE(call_plugin(call("flood-stderr"))), "done\n");
}

TEST_F(CniPlugin, IsKilledWithItsHelpersAtTheTimeLimit) {
  const std::string mark = dir_.path() + "/helper";
  plugin("slow", fmt::format("sleep 100 & echo $! > {}; wait", mark));
  PluginCall limited = call("slow");
  limited.time_limit = kSecond;
  EXPECT_EQ(reason(limited), "it did not end within 1 seconds");
  const std::string pid = std::string(trim(ASSERT_VALUE(sys::read_file(sys::at_cwd(), mark))));
  const auto helper = sys::open_pidfd(static_cast<pid_t>(ASSERT_VALUE(parse_int(pid, 2, INT32_MAX))));
  EXPECT_TRUE(!helper || ASSERT_VALUE(sys::wait_for_end(*helper, 20 * kSecond)));
}

TEST_F(CniPlugin, HasItsPatienceWhenTheCallerIsToEnd) {
  const sys::Pipe request = ASSERT_VALUE(sys::make_pipe());
  ASSERT_TRUE(test::ok(sys::write_all(request.write.get(), "x")));
  PluginCall asked = call("slow");
  asked.control.end_request = request.read.get();
  plugin("slow", "exec sleep 100");
  EXPECT_EQ(reason(asked), "it was interrupted, because the pod is to end");
  plugin("slow", "sleep 0.2; echo done");
  asked.control.patience = 60 * kSecond;
  EXPECT_EQ(ASSERT_VALUE(call_plugin(asked)), "done\n");
}

TEST_F(CniPlugin, DaemonThatItLeavesBehindIsNotWaitedFor) {
  const std::string mark = dir_.path() + "/daemon";
  plugin("parent", fmt::format("sleep 100 & echo $! > {}; echo result", mark));
  PluginCall limited = call("parent");
  limited.time_limit = 20 * kSecond;
  EXPECT_EQ(ASSERT_VALUE(call_plugin(limited)), "result\n");
  const std::string pid = std::string(trim(ASSERT_VALUE(sys::read_file(sys::at_cwd(), mark))));
  EXPECT_EQ(::kill(static_cast<pid_t>(ASSERT_VALUE(parse_int(pid, 2, INT32_MAX))), SIGKILL), 0);
}

TEST_F(CniPlugin, ProgramThatCannotBeExecutedIsAnError) {
  ASSERT_TRUE(test::ok(sys::write_file(dir_.dir(), "broken",
                                       "\x7f"
                                       "ELF nonsense",
                                       0755)));
  const std::string told = reason(call("broken"));
  EXPECT_TRUE(told.contains("exec format error")) << told;
}

}  // namespace
}  // namespace agena::stage1
