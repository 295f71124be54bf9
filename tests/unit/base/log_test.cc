#include "common/base/log.h"

#include <string>

#include <gtest/gtest.h>

#include "common/base/phase_timer.h"

namespace agena {
namespace {

using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

// Restores the defaults that other tests expect.
class LogTest : public ::testing::Test {
 protected:
  ~LogTest() override { log::init("agena", log::Level::kInfo); }
};

TEST_F(LogTest, LeadsLinesWithThePrefix) {
  log::init("stage0", log::Level::kInfo);
  CaptureStderr();
  log::info("pod '{}' is {}", "abc", 1);
  log::warning("careful");
  log::debug("not shown {}", 2);
  EXPECT_EQ(GetCapturedStderr(), "stage0: pod 'abc' is 1\nstage0: careful\n");
}

TEST_F(LogTest, ShowsOnlyTheLevelsAskedFor) {
  log::init("run", log::Level::kError);
  EXPECT_TRUE(log::enabled(log::Level::kError));
  EXPECT_FALSE(log::enabled(log::Level::kWarning));
  CaptureStderr();
  log::warning("no");
  log::error(Error(ErrorKind::kSystem, "yes"));
  EXPECT_EQ(GetCapturedStderr(), "run: yes\n");
}

TEST_F(LogTest, PrintsErrorsAsALineAndAHint) {
  log::init("run", log::Level::kInfo);
  CaptureStderr();
  log::error(
      Error(ErrorKind::kNotFound, "no image 'x'").with_context("preparing").with_hint("fetch it first"));
  EXPECT_EQ(GetCapturedStderr(), "run: preparing: no image 'x'\nrun: hint: fetch it first\n");
}

TEST_F(LogTest, PrintsErrorsAsATreeWhenDebugging) {
  log::init("run", log::Level::kDebug);
  CaptureStderr();
  log::error(Error(ErrorKind::kNotFound, "no image 'x'").with_context("preparing"));
  const std::string text = GetCapturedStderr();
  EXPECT_TRUE(text.starts_with("run: preparing\n  └─no image 'x'\n    └─at ")) << text;
}

TEST(PhaseTimerTest, AddsUpPhases) {
  const Nanoseconds start = monotonic_now() - 5 * kSecond;
  PhaseTimer timer(start);
  EXPECT_EQ(timer.start(), start);
  timer.end_phase("store");
  timer.end_phase("mount");
  timer.end_phase("store");
  const std::string text = timer.to_string();
  EXPECT_TRUE(text.starts_with("store 5")) << text;
  EXPECT_NE(text.find(" ms, mount 0."), std::string::npos) << text;
  EXPECT_NE(text.find(" ms; 5"), std::string::npos) << text;
  EXPECT_EQ(text.find("store", 1), std::string::npos) << "equal names add up: " << text;
}

}  // namespace
}  // namespace agena
