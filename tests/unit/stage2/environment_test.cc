#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/stage2/step_bodies.h"

namespace agena::stage2 {
namespace {

using Texts = std::vector<std::string>;

class Environment : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
    plan_.app = "a";
  }

  Texts build() {
    LaunchState state{.plan = plan_, .options = options_};
    build_environment(state);
    listen_fds_ = state.listen_fds;
    return state.environment;
  }

  LaunchPlan plan_;
  LaunchOptions options_;
  int listen_fds_ = -1;
};

TEST_F(Environment, OfTwoEntriesOfOneNameTheLaterWins) {
  plan_.environment = {{"A", "1"}, {"B", "2"}, {"AA", "x"}, {"A", "3"}, {"E", ""}};
  EXPECT_EQ(build(), (Texts{"A=3", "B=2", "AA=x", "E="}));
}

TEST_F(Environment, OnlyNamedVariablesOfOurOwnArePassedAndThePlanWins) {
  ::setenv("STAGE2_TEST_PASSED", "own", 1);
  ::setenv("STAGE2_TEST_OVER", "own", 1);
  ::setenv("STAGE2_TEST_OTHER", "own", 1);
  plan_.pass_environment = {"STAGE2_TEST_PASSED", "STAGE2_TEST_OVER", "STAGE2_TEST_UNSET"};
  plan_.environment = {{"STAGE2_TEST_OVER", "plan"}};
  EXPECT_EQ(build(), (Texts{"STAGE2_TEST_PASSED=own", "STAGE2_TEST_OVER=plan"}));
}

TEST_F(Environment, SocketsThatAreForThisProcessArePassed) {
  plan_.pass_environment = {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"};
  const std::string pid = std::to_string(::getpid());
  ::setenv("LISTEN_PID", pid.c_str(), 1);
  ::setenv("LISTEN_FDS", "2", 1);
  EXPECT_EQ(build(), (Texts{"LISTEN_FDS=2", "LISTEN_PID=" + pid}));
  EXPECT_EQ(listen_fds_, 2);
}

TEST_F(Environment, SocketsForAnotherProcessAreNot) {
  plan_.pass_environment = {"LISTEN_FDS", "LISTEN_PID"};
  ::setenv("LISTEN_PID", "1", 1);
  ::setenv("LISTEN_FDS", "2", 1);
  EXPECT_EQ(build(), Texts{});
  EXPECT_EQ(listen_fds_, 0);
}

TEST_F(Environment, SocketsThatThePlanDoesNotNameAreNotKept) {
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", "2", 1);
  EXPECT_EQ(build(), Texts{});
  EXPECT_EQ(listen_fds_, 0);
}

}  // namespace
}  // namespace agena::stage2
