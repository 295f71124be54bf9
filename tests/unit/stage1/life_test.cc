// The pure parts of apps' lives: restarts with a clock of the test's own, stop rules, units.
#include <gtest/gtest.h>
#include <signal.h>

#include "stage1/life/app_course.h"
#include "stage1/life/health_state.h"
#include "stage1/life/notify_state.h"
#include "stage1/life/stop_rules.h"
#include "stage1/plan/launch.h"
#include "stage1/units/pod_units.h"
#include "tests/support/golden.h"
#include "tests/unit/stage1/one_app.h"

namespace agena::stage1 {
namespace {

using State = AppCourse::State;

constexpr Nanoseconds kMilli = kSecond / 1000;

life::RestartPolicy policy(std::string_view text) { return life::parse_restart_policy(text).value(); }

TEST(RestartBackoff, DoublesUpToAMinuteAndStartsAgain) {
  RestartBackoff backoff;
  Nanoseconds expected = 100 * kMilli;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(backoff.next(0), expected) << i;
    expected = std::min(2 * expected, 60 * kSecond);
  }
  EXPECT_EQ(backoff.next(10 * kSecond - 1), 60 * kSecond);
  EXPECT_EQ(backoff.next(10 * kSecond), 100 * kMilli);
  EXPECT_EQ(backoff.next(0), 200 * kMilli);
}

struct CourseCase {
  const char* policy;
  int code;
  bool stopping;
  State state;
};

TEST(AppCourse, PoliciesDecide) {
  const CourseCase cases[] = {
      {"no", 0, false, State::kEnded},         {"no", 1, false, State::kEnded},
      {"on-failure", 0, false, State::kEnded}, {"on-failure", 1, false, State::kPutOff},
      {"on-failure", 1, true, State::kEnded},  {"on-failure:0", 1, false, State::kEnded},
      {"always", 0, false, State::kPutOff},    {"always", 7, false, State::kPutOff},
      {"always", 7, true, State::kEnded},      {"unless-stopped", 0, false, State::kPutOff},
  };
  for (const CourseCase& c : cases) {
    AppCourse course(policy(c.policy));
    EXPECT_EQ(course.state(), State::kNew);
    course.begin(kSecond);
    EXPECT_EQ(course.state(), State::kRunning);
    course.end(c.code, c.code != 0, c.stopping, 2 * kSecond);
    EXPECT_EQ(course.state(), c.state) << c.policy << " " << c.code << " " << c.stopping;
    EXPECT_EQ(course.last_code(), c.code);
  }
}

TEST(AppCourse, CountsRestartsUpToTheMost) {
  AppCourse course(policy("on-failure:2"));
  Nanoseconds now = kSecond;
  for (std::uint32_t i = 1; i <= 2; ++i) {
    course.begin(now);
    course.end(3, true, false, now);
    EXPECT_EQ(course.state(), State::kPutOff);
    EXPECT_EQ(course.restarts(), i);
    EXPECT_EQ(course.restart_at(), now + (i == 1 ? 100 : 200) * kMilli);
    now = course.restart_at();
  }
  course.begin(now);
  course.end(3, true, false, now);
  EXPECT_EQ(course.state(), State::kEnded);
  EXPECT_EQ(course.restarts(), 2U);
}

TEST(AppCourse, AnAppThatRanForAWhileIsRestartedAtOnce) {
  AppCourse course(policy("always"));
  for (int i = 0; i < 5; ++i) {
    course.begin(kSecond);
    course.end(1, true, false, kSecond);
  }
  course.begin(100 * kSecond);
  course.end(1, true, false, 110 * kSecond);
  EXPECT_EQ(course.restart_at(), 110 * kSecond + 100 * kMilli);
  // One whose program was never reached has not run, however long that took.
  course.end(1, true, false, 900 * kSecond);
  EXPECT_EQ(course.restart_at(), 900 * kSecond + 200 * kMilli);
}

TEST(AppCourse, AnEndIsForGood) {
  AppCourse course(policy("always"));
  course.begin(kSecond);
  course.end(4, true, false, kSecond);
  course.end_for_good();
  course.begin(2 * kSecond);
  course.end(0, false, false, 3 * kSecond);
  EXPECT_EQ(course.state(), State::kEnded);
  EXPECT_EQ(course.last_code(), 4);
}

// --- health ---

life::HealthCheck check_every(Nanoseconds interval, Nanoseconds start_period, std::uint32_t retries) {
  return {.command = {"x"}, .interval = interval, .start_period = start_period, .retries = retries};
}

TEST(HealthState, LooksOftenUntilTheAppIsHealthy) {
  const auto check = check_every(2 * kSecond, 0, 3);
  HealthState state(check);
  state.start(0);
  EXPECT_EQ(state.health(), Health::kStarting);
  EXPECT_EQ(state.next_check(), 250 * kMilli);
  EXPECT_FALSE(state.checked(false, 250 * kMilli));
  EXPECT_EQ(state.next_check(), 750 * kMilli);
  EXPECT_FALSE(state.checked(false, 750 * kMilli));
  EXPECT_EQ(state.next_check(), 1750 * kMilli);
  EXPECT_TRUE(state.checked(true, 1750 * kMilli));
  EXPECT_EQ(state.health(), Health::kHealthy);
  EXPECT_EQ(state.next_check(), 3750 * kMilli);
}

TEST(HealthState, FailuresInARowCountOnceTheAppHasHadItsTime) {
  const auto check = check_every(kSecond, 5 * kSecond, 3);
  HealthState state(check);
  state.start(100 * kSecond);
  for (const Nanoseconds at : {101, 103, 105}) EXPECT_FALSE(state.checked(false, at * kSecond));
  EXPECT_EQ(state.failures(), 0U);
  EXPECT_FALSE(state.checked(false, 106 * kSecond));
  EXPECT_FALSE(state.checked(false, 107 * kSecond));
  EXPECT_EQ(state.failures(), 2U);
  EXPECT_EQ(state.health(), Health::kStarting);
  EXPECT_TRUE(state.checked(false, 108 * kSecond));
  EXPECT_EQ(state.health(), Health::kUnhealthy);
  EXPECT_FALSE(state.checked(false, 109 * kSecond));
  EXPECT_TRUE(state.checked(true, 110 * kSecond));
  EXPECT_EQ(state.failures(), 0U);
  // It has been healthy: failures count at once, but take three in a row.
  EXPECT_FALSE(state.checked(false, 111 * kSecond));
  EXPECT_FALSE(state.checked(true, 112 * kSecond));
  EXPECT_FALSE(state.checked(false, 113 * kSecond));
  EXPECT_FALSE(state.checked(false, 114 * kSecond));
  EXPECT_EQ(state.health(), Health::kHealthy);
  EXPECT_TRUE(state.checked(false, 115 * kSecond));
  EXPECT_EQ(state.health(), Health::kUnhealthy);
}

TEST(HealthState, AnotherStartBeginsAnew) {
  const auto check = check_every(kSecond, 0, 1);
  HealthState state(check);
  state.start(0);
  EXPECT_TRUE(state.checked(false, 2 * kSecond));
  state.start(10 * kSecond);
  EXPECT_EQ(state.health(), Health::kStarting);
  EXPECT_EQ(state.failures(), 0U);
  EXPECT_FALSE(state.checked(false, 10 * kSecond + 250 * kMilli));
}

TEST(Launch, AHealthCheckIsAsTheApp) {
  Pod pod = pod_of_one_app();
  PodApp& app = pod.apps.at(0);
  app.life.health = life::HealthCheck{.command = {"/bin/check", "-x"}};
  app.life.notifies = true;
  const auto plans = plan_launches(pod, app).value();
  ASSERT_EQ(plans.size(), 2U);
  stage2::LaunchPlan expected = plans.at(0);
  EXPECT_EQ(expected.environment.back(), (stage2::EnvironmentVariable{"NOTIFY_SOCKET", "/dev/agena/notify"}));
  expected.environment.pop_back();
  expected.role = stage2::Role::kHealth;
  expected.argv = {"/bin/check", "-x"};
  expected.stdio = {};
  expected.hub_socket.clear();
  EXPECT_EQ(plans.at(1), expected);
  EXPECT_EQ(plans.at(1).user, "33");
}

// --- readiness ---

TEST(NotifyState, LinesThatCount) {
  EXPECT_EQ(parse_notify_state("READY=1"), NotifyState{.ready = true});
  EXPECT_EQ(parse_notify_state("STATUS=half\x1b way\nREADY=1\nMAINPID=7\n"),
            (NotifyState{.ready = true, .status = "half\\x1b way"}));
  EXPECT_EQ(parse_notify_state("RELOADING=1\nSTOPPING=1\nEXTEND_TIMEOUT_USEC=12"),
            (NotifyState{.reloading = true, .stopping = true, .extend_usec = "12"}));
  EXPECT_EQ(parse_notify_state("READY=0\nREADY\n=\nEXTEND_TIMEOUT_USEC=x\nSTATUS"), NotifyState());
  EXPECT_EQ(parse_notify_state("STATUS="), NotifyState{.status = ""});
}

TEST(StopRules, FollowTheApps) {
  Pod pod = pod_of_one_app();
  EXPECT_EQ(stop_signal_of(pod.apps.at(0)), SIGTERM);
  EXPECT_EQ(stop_patience(pod), 15 * kSecond);
  pod.apps.at(0).life.stop_signal = "SIGRTMIN+2";
  pod.apps.at(0).life.stop_timeout = 40 * kSecond;
  EXPECT_EQ(stop_signal_of(pod.apps.at(0)), SIGRTMIN + 2);
  EXPECT_EQ(stop_patience(pod), 45 * kSecond);
  pod.apps.at(0).app.event_handlers.push_back({schema::AppEvent::kPostStop, {"/bin/post"}});
  EXPECT_EQ(stop_patience(pod), 85 * kSecond);
}

TEST(Units, OfAnAppWithALife) {
  Pod pod = pod_of_one_app();
  PodApp& app = pod.apps.at(0);
  app.life.restart = policy("on-failure:3");
  app.life.stop_signal = "SIGUSR1";
  app.life.stop_timeout = 2500 * kMilli;
  testing::expect_golden("stage1/unit_with_life.txt", app_unit(app).text);
  app.life = {};
  app.life.stop_timeout = 0;
  EXPECT_TRUE(app_unit(app).text.contains("TimeoutStopSec=0.001\n"));
}

}  // namespace
}  // namespace agena::stage1
