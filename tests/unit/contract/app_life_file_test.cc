#include "common/contract/app_life_file.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace agena::contract {
namespace {

TEST(AppLifeFile, RoundTrip) {
  const AppLifeStatus all{.restarts = 3,
                          .last_exit_code = 137,
                          .last_exit_at = 1,
                          .last_signal = "SIGKILL",
                          .started_at = 2,
                          .restart_at = 3,
                          .ready = true,
                          .status_text = "serving",
                          .health = Health::kUnhealthy,
                          .health_failures = 4,
                          .health_output = "no\n"};
  EXPECT_EQ(parse_app_life(render_app_life(all).value()).value(), all);
  EXPECT_EQ(parse_app_life(render_app_life({}).value()).value(), AppLifeStatus());
}

TEST(AppLifeFile, IsLenientAboutTheNewAndStrictAboutTheKnown) {
  EXPECT_EQ(parse_app_life(R"({"version":2,"restarts":1,"later":[]})").value().restarts, 1U);
  for (const char* bad : {"", "[]", R"({"health":"well"})", R"({"lastExitCode":256})", R"({"restarts":"1"})"})
    EXPECT_FALSE(parse_app_life(bad).has_value()) << bad;
}

TEST(AppLifeFile, WhatAnAppSaysMayBeAnyBytes) {
  const auto text =
      render_app_life({.status_text = "a\xff", .health = Health::kStarting, .health_output = "\x80"});
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(parse_app_life(*text).value().status_text, "a\\xff");
}

TEST(AppLifeFile, OnDisk) {
  const test::TempDir dir;
  EXPECT_FALSE(read_app_life(dir.dir(), "web").value().has_value());
  ASSERT_EQ(::mkdirat(dir.dir().get(), "rkt", 0755), 0);
  ASSERT_EQ(::mkdirat(dir.dir().get(), "rkt/life", 0755), 0);
  ASSERT_TRUE(write_app_life(dir.dir(), "web", {.restarts = 2}).has_value());
  EXPECT_EQ(read_app_life(dir.dir(), "web").value()->restarts, 2U);
}

}  // namespace
}  // namespace agena::contract
