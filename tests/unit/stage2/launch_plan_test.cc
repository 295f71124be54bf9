#include "common/stage2/launch_plan.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

#include "tests/support/golden.h"
#include "tests/support/temp_dir.h"

namespace agena::stage2 {
namespace {

using agena::test::ok;

// Every member set to something that is not its default.
LaunchPlan full_plan() {
  LaunchPlan plan;
  plan.app = "redis";
  plan.role = Role::kPreStart;
  plan.root = "/opt/stage2/redis/rootfs";
  plan.root_switch = RootSwitch::kPivotRoot;
  plan.read_only_root = true;
  plan.argv = {"redis-server", "--port", "6379", "with \"quotes\" and\nlines", ""};
  plan.environment = {{"PATH", "/usr/bin:/bin"}, {"LANG", "C.UTF-8"}, {"EMPTY", ""}, {"UMLAUT", "ü"}};
  plan.pass_environment = {"LISTEN_FDS", "LISTEN_PID"};
  plan.working_directory = "/data";
  plan.create_working_directory = true;
  plan.user = "redis";
  plan.group = "";
  plan.supplementary_gids = {5, 4294967294};
  plan.limits = {{.resource = RLIMIT_NOFILE, .soft = 1024, .hard = 4096},
                 {.resource = RLIMIT_CORE, .soft = 0, .hard = sys::kUnlimited}};
  plan.oom_score_adjust = -500;
  plan.nice = 5;
  plan.bounding_set = sys::CapabilitySet(1U << CAP_CHOWN | 1U << CAP_SETUID);
  plan.private_processes = true;
  plan.no_new_privileges = true;
  plan.selinux_context = "system_u:system_r:container_t:s0:c1,c2";
  plan.apparmor_profile = "agena-default";
  plan.seccomp_filter = std::string("\x06\0\0\0\0\0\xff\x7f", 8);
  plan.stdio = {.input = StreamMode::kNull, .output = StreamMode::kHub, .error = StreamMode::kTty};
  plan.hub_socket = "/run/agena/hub";
  return plan;
}

LaunchPlan minimal_plan() {
  LaunchPlan plan;
  plan.app = "a";
  plan.argv = {"/bin/true"};
  return plan;
}

TEST(LaunchPlan, IsWrittenAsInTheGoldenFile) {
  const auto full = render_launch_plan(full_plan());
  ASSERT_TRUE(ok(full));
  testing::expect_golden("stage2/full_plan.json", *full + "\n");
  const auto minimal = render_launch_plan(minimal_plan());
  ASSERT_TRUE(ok(minimal));
  testing::expect_golden("stage2/minimal_plan.json", *minimal + "\n");
}

TEST(LaunchPlan, TheGoldenFileReadsBack) {
  const auto full = parse_launch_plan(testing::read_golden("stage2/full_plan.json"));
  ASSERT_TRUE(ok(full));
  EXPECT_EQ(*full, full_plan());
}

TEST(LaunchPlan, AbsentMembersHaveTheirDefaults) {
  const auto plan = parse_launch_plan(R"({"version":1,"app":"a","argv":["/bin/true"]})");
  ASSERT_TRUE(ok(plan));
  EXPECT_EQ(*plan, minimal_plan());
}

TEST(LaunchPlan, AnEmptyBoundingSetIsNotAnAbsentOne) {
  LaunchPlan plan = minimal_plan();
  plan.bounding_set = sys::CapabilitySet();
  const auto text = render_launch_plan(plan);
  ASSERT_TRUE(ok(text));
  EXPECT_EQ(*parse_launch_plan(*text), plan);
  EXPECT_NE(*parse_launch_plan(*text), minimal_plan());
}

struct BadCase {
  const char* member;  // added to a plan that holds
  const char* complaint;
};
void PrintTo(const BadCase& row, std::ostream* out) { *out << row.member; }

class BadLaunchPlan : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadLaunchPlan, IsRefusedWithItsPlace) {
  const auto plan = parse_launch_plan(
      fmt::format(R"({{"version":1,"app":"a","argv":["/bin/true"],{}}})", GetParam().member));
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().to_string(), fmt::format("launch plan: {}", GetParam().complaint));
  EXPECT_EQ(plan.error().kind(), ErrorKind::kInvalidInput);
}

INSTANTIATE_TEST_SUITE_P(
    Members, BadLaunchPlan,
    ::testing::Values(
        BadCase{R"("extra":1)", "unknown member 'extra'"},
        BadCase{R"("role":"boss")",
                "/role: expected one of 'app', 'health', 'post-stop', 'pre-start', found 'boss'"},
        BadCase{R"("rootSwitch":"pivot-root")", "/root: '' is not an absolute path"},
        BadCase{R"("rootSwitch":"chroot","root":"rel")", "/root: 'rel' is not an absolute path"},
        BadCase{R"("root":"/r")", "/root: a root that is not switched to"},
        BadCase{R"("readOnlyRoot":true)", "/readOnlyRoot: needs a root of its own"},
        BadCase{R"("environment":[{"name":"A=B","value":""}])",
                "/environment/0/name: a variable's name is not empty and has no '=' and no NUL character"},
        BadCase{R"("environment":[{"name":"A"}])", "/environment/0: missing 'value'"},
        BadCase{R"("environment":[{"name":"A","value":"x\u0000y"}])",
                "/environment/0/value: text with a NUL character"},
        BadCase{R"("passEnvironment":[""])",
                "/passEnvironment/0: a variable's name is not empty and has no '=' and no NUL character"},
        BadCase{R"("workingDirectory":"srv")", "/workingDirectory: 'srv' is not an absolute path"},
        BadCase{R"("supplementaryGids":[4294967295])",
                "/supplementaryGids/0: expected an integer from 0 to 4294967294, found 4294967295"},
        BadCase{R"("limits":[{"resource":"RLIMIT_NO","soft":1,"hard":1}])",
                "/limits/0/resource: unknown resource limit 'RLIMIT_NO'"},
        BadCase{R"("limits":[{"resource":"RLIMIT_CORE","soft":"unlimited","hard":1}])",
                "/limits/0: the soft limit is above the hard one"},
        BadCase{R"("limits":[{"resource":"RLIMIT_CORE","soft":-1,"hard":1}])",
                "/limits/0/soft: expected an integer from 0 to 18446744073709551614, found -1"},
        BadCase{R"("limits":[{"resource":"RLIMIT_CORE","soft":"many","hard":1}])",
                "/limits/0/soft: expected a number or 'unlimited', found \"many\""},
        BadCase{R"("limits":[{"resource":"RLIMIT_CORE","soft":1,"hard":1},
                             {"resource":"RLIMIT_CORE","soft":1,"hard":1}])",
                "/limits/1: RLIMIT_CORE is there twice"},
        BadCase{R"("oomScoreAdjust":1001)",
                "/oomScoreAdjust: expected an integer from -1000 to 1000, found 1001"},
        BadCase{R"("nice":20)", "/nice: expected an integer from -20 to 19, found 20"},
        BadCase{R"("boundingSet":["CAP_NOPE"])", "/boundingSet/0: unknown capability 'CAP_NOPE'"},
        BadCase{R"("stdio":{"input":"hub"})", "/hubSocket: a stream of 'stdio' needs a hub"},
        BadCase{R"("stdio":{"input":"pipe"})",
                "/stdio/input: expected one of 'hub', 'inherit', 'null', 'tty', found 'pipe'"},
        BadCase{R"("hubSocket":"run/hub")", "/hubSocket: 'run/hub' is not an absolute path"},
        BadCase{R"("user":7)", "/user: expected a string, found 7"}));

TEST(LaunchPlan, WhatIsRequired) {
  EXPECT_EQ(parse_launch_plan("{}").error().to_string(),
            "launch plan: missing 'version'; missing 'app'; missing 'argv'");
  EXPECT_EQ(parse_launch_plan(R"({"version":2,"app":"a","argv":["x"]})").error().to_string(),
            "launch plan: /version: expected an integer from 1 to 1, found 2");
  EXPECT_EQ(parse_launch_plan(R"({"version":1,"app":"","argv":[]})").error().to_string(),
            "launch plan: /app: must not be empty; /argv: no program");
  EXPECT_FALSE(parse_launch_plan("[]"));
  EXPECT_FALSE(parse_launch_plan(""));
}

TEST(LaunchPlan, APlanThatDoesNotHoldIsNotWritten) {
  LaunchPlan plan = minimal_plan();
  plan.argv = {std::string("a\0b", 3)};
  EXPECT_EQ(render_launch_plan(plan).error().to_string(), "launch plan: /argv/0: text with a NUL character");
  plan.argv = {"caf\xe9"};
  EXPECT_FALSE(render_launch_plan(plan));
  plan.argv = {"x"};
  plan.nice = 99;
  EXPECT_FALSE(render_launch_plan(plan));
}

}  // namespace
}  // namespace agena::stage2
