#include "manifests/life/app_life.h"

#include <gtest/gtest.h>

#include "manifests/schema/annotations.h"
#include "tests/support/result_matchers.h"

namespace agena::life {
namespace {

using agena::testing::error_of;
namespace annotation = schema::annotation;

TEST(RestartPolicy, Spellings) {
  for (const char* text : {"no", "on-failure", "on-failure:3", "always"})
    EXPECT_EQ(to_string(parse_restart_policy(text).value()), text);
  EXPECT_EQ(to_string(parse_restart_policy("unless-stopped").value()), "always");
  for (const char* text : {"", "never", "always:3", "no:1"})
    EXPECT_TRUE(error_of(parse_restart_policy(text)).starts_with("no restart policy: '")) << text;
  for (const char* text : {"on-failure:", "on-failure:-1", "on-failure:x", "on-failure:4294967296"})
    EXPECT_FALSE(parse_restart_policy(text).has_value()) << text;
}

TEST(HealthSettings, RoundTrip) {
  const HealthSettings all{.test = {"CMD", "/bin/check", "a b"},
                           .interval = 5 * kSecond,
                           .timeout = 1'500'000'000,
                           .start_period = kSecond,
                           .retries = 7};
  EXPECT_EQ(parse_health_settings(render_health_settings(all).value()).value(), all);
  EXPECT_EQ(parse_health_settings("{}").value(), HealthSettings());
  // docker's zeros mean that nothing was said.
  EXPECT_EQ(parse_health_settings(R"({"Test":[],"Interval":0,"Timeout":0,"Retries":0,"Other":1})").value(),
            HealthSettings());
  EXPECT_FALSE(parse_health_settings(R"({"Interval":-1})").has_value());
  EXPECT_FALSE(parse_health_settings(R"({"Test":"x"})").has_value());
}

TEST(HealthSettings, FlagsWinOverTheImage) {
  const HealthSettings image{.test = {"CMD", "a"}, .interval = kSecond, .retries = 2};
  const HealthSettings merged = merge({.interval = 9 * kSecond, .start_period = kSecond}, image);
  EXPECT_EQ(
      merged,
      (HealthSettings{.test = {"CMD", "a"}, .interval = 9 * kSecond, .start_period = kSecond, .retries = 2}));
}

TEST(HealthCheck, OfATest) {
  EXPECT_EQ(make_health_check({.test = {"CMD", "/c", "x"}}).value()->command,
            (std::vector<std::string>{"/c", "x"}));
  EXPECT_EQ(make_health_check({.test = {"CMD-SHELL", "a && b"}}).value()->command,
            (std::vector<std::string>{"/bin/sh", "-c", "a && b"}));
  EXPECT_FALSE(make_health_check({.test = {"NONE"}}).value().has_value());
  EXPECT_FALSE(make_health_check({}).value().has_value());
  // Neither without a pause nor beyond what can be counted.
  const auto hasty = make_health_check({.test = {"CMD", "/c"}, .interval = 1, .timeout = 1}).value();
  EXPECT_EQ(hasty->interval, kSecond / 10);
  EXPECT_EQ(hasty->timeout, kSecond / 10);
  const auto endless = make_health_check(
      {.test = {"CMD", "/c"}, .interval = INT64_MAX, .timeout = INT64_MAX, .start_period = INT64_MAX});
  EXPECT_EQ(endless.value()->interval, 24 * 3600 * kSecond);
  EXPECT_EQ(endless.value()->start_period, 24 * 3600 * kSecond);
  for (const std::vector<std::string>& test :
       {std::vector<std::string>{"CMD"}, {"CMD", ""}, {"ls"}, {"CMD-SHELL"}})
    EXPECT_TRUE(
        error_of(make_health_check({.test = test})).starts_with("cannot understand the health check '"));
}

schema::Annotations annotations(std::initializer_list<std::pair<const char*, const char*>> rows) {
  schema::Annotations list;
  for (const auto& [name, value] : rows) list.set(schema::AcIdentifier::parse(name).value(), value);
  return list;
}

TEST(AppLife, TheAppWinsOverItsImage) {
  const auto image = annotations({{annotation::kStopSignal, "SIGINT"},
                                  {annotation::kNotifies, "true"},
                                  {annotation::kHealthCheck, R"({"Test":["CMD","x"]})"}});
  const AppLife plain = read_app_life({}, image).value();
  EXPECT_EQ(plain.stop_signal, "SIGINT");
  EXPECT_TRUE(plain.notifies);
  EXPECT_EQ(plain.health->retries, 3U);
  EXPECT_TRUE(plain.has_course());
  const AppLife other = read_app_life(annotations({{annotation::kStopSignal, "SIGHUP"},
                                                   {annotation::kStopTimeout, "1m"},
                                                   {annotation::kNotifies, "false"},
                                                   {annotation::kHealthCheck, R"({"Test":["NONE"]})"}}),
                                      image)
                            .value();
  EXPECT_EQ(other.stop_signal, "SIGHUP");
  EXPECT_EQ(other.stop_timeout, 60 * kSecond);
  EXPECT_FALSE(other.has_course());
}

TEST(AppLife, ErrorsNameTheAnnotation) {
  EXPECT_EQ(error_of(read_app_life(annotations({{annotation::kRestart, "now"}}), {})),
            "annotation 'agena/restart': no restart policy: 'now' (no, on-failure[:MAX] or always)");
  EXPECT_TRUE(error_of(read_app_life(annotations({{annotation::kStopTimeout, "soon"}}), {}))
                  .starts_with("annotation 'agena/stop-timeout': "));
}

}  // namespace
}  // namespace agena::life
