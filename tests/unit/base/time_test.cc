#include "common/base/time.h"

#include <cstdlib>
#include <ctime>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"

namespace agena {
namespace {

using agena::testing::error_of;

constexpr Nanoseconds kMinute = 60 * kSecond;
constexpr Nanoseconds kHour = 60 * kMinute;
constexpr Nanoseconds kDay = 24 * kHour;
constexpr Nanoseconds kSomeTime = 1'767'323'045 * kSecond;  // 2026-01-02T03:04:05Z

// Sets the local zone for a test.
class Zone {
 public:
  explicit Zone(const char* zone) {
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  ~Zone() {
    ::unsetenv("TZ");
    ::tzset();
  }
};

TEST(TimeTest, PrintsRfc3339) {
  EXPECT_EQ(rfc3339(kSomeTime + 6), "2026-01-02T03:04:05.000000006Z");
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(rfc3339(-kSecond), "1969-12-31T23:59:59.000000000Z");
}

TEST(TimeTest, PrintsFullTimesInTheLocalZone) {
  {
    const Zone utc("UTC0");
    EXPECT_EQ(full_time(kSomeTime), "2026-01-02 03:04:05 +0000 UTC");
    EXPECT_EQ(full_time(kSomeTime + 120'000'000), "2026-01-02 03:04:05.12 +0000 UTC");
    EXPECT_EQ(full_time(kSomeTime + 123'999'999), "2026-01-02 03:04:05.123 +0000 UTC");
    EXPECT_EQ(full_time(kSomeTime + 999'999), "2026-01-02 03:04:05 +0000 UTC");
  }
  const Zone berlin("CET-1CEST,M3.5.0,M10.5.0/3");
  EXPECT_EQ(full_time(kSomeTime), "2026-01-02 04:04:05 +0100 CET");
}

TEST(TimeTest, PrintsDistances) {
  const auto ago = [](Nanoseconds distance) { return humanised(kSomeTime - distance, kSomeTime); };
  EXPECT_EQ(ago(0), "now");
  EXPECT_EQ(ago(kSecond - 1), "now");
  EXPECT_EQ(ago(kSecond), "1 second ago");
  EXPECT_EQ(ago(59 * kSecond), "59 seconds ago");
  EXPECT_EQ(ago(kMinute), "1 minute ago");
  EXPECT_EQ(ago(kHour - 1), "59 minutes ago");
  EXPECT_EQ(ago(23 * kHour), "23 hours ago");
  EXPECT_EQ(ago(kDay), "1 day ago");
  EXPECT_EQ(ago(6 * kDay), "6 days ago");
  EXPECT_EQ(ago(7 * kDay), "1 week ago");
  EXPECT_EQ(ago(29 * kDay), "4 weeks ago");
  EXPECT_EQ(ago(60 * kDay), "2 months ago");
  EXPECT_EQ(ago(800 * kDay), "2 years ago");
  EXPECT_EQ(ago(-3 * kDay), "3 days from now");
}

TEST(TimeTest, ReadsDurations) {
  const auto duration = [](std::string_view text) { return parse_duration(text); };
  EXPECT_EQ(ASSERT_VALUE(duration("10s")), 10 * kSecond);
  EXPECT_EQ(ASSERT_VALUE(duration("1h30m")), 90 * kMinute);
  EXPECT_EQ(ASSERT_VALUE(duration("1.5s")), kSecond + kSecond / 2);
  EXPECT_EQ(ASSERT_VALUE(duration(".5s")), kSecond / 2);
  EXPECT_EQ(ASSERT_VALUE(duration("2.s")), 2 * kSecond);
  EXPECT_EQ(ASSERT_VALUE(duration("300ms")), 300'000'000);
  EXPECT_EQ(ASSERT_VALUE(duration("1us2ns")), 1002);
  EXPECT_EQ(ASSERT_VALUE(duration("3\u00b5s")), 3000);
  EXPECT_EQ(ASSERT_VALUE(duration("3\u03bcs")), 3000);
  EXPECT_EQ(ASSERT_VALUE(duration("24h0m0s")), kDay);
  EXPECT_EQ(ASSERT_VALUE(duration("0")), 0);
  EXPECT_EQ(ASSERT_VALUE(duration("0s")), 0);
  EXPECT_EQ(ASSERT_VALUE(duration("90")), 90 * kSecond) << "a bare number is seconds";
  EXPECT_EQ(ASSERT_VALUE(duration("0.25")), kSecond / 4);
  EXPECT_EQ(ASSERT_VALUE(duration("2500000h")), 2'500'000 * kHour);
  EXPECT_FALSE(duration("2600000h")) << "above 2^63 ns";
}

TEST(TimeTest, RefusesOtherDurations) {
  for (const char* bad : {"",     "s",    "-1s",    "+1s",  "1x", "1 s", " 1s",   "1s ",
                          "1h30", "0s30", "1.5.5s", "1..s", ".",  ".s",  "1e5s",  "nan",
                          "nans", "inf",  "infs",   "0x1s", "1S", "1d",  "1s-1s", "99999999999999999999s",
                          "1e999"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
  EXPECT_EQ(error_of(parse_duration("1d")), "'1d' is not a duration (try 10s, 5m or 1h30m)");
}

TEST(TimeTest, ReadsClocks) {
  const Nanoseconds first = monotonic_now();
  EXPECT_GE(monotonic_now(), first);
  EXPECT_GT(now(), 1'700'000'000 * kSecond);
}

TEST(Time, ReadsRfc3339) {
  EXPECT_EQ(parse_rfc3339("2026-01-02T03:04:05.000000006Z"), kSomeTime + 6);
  EXPECT_EQ(parse_rfc3339("2026-01-02t03:04:05.5z"), kSomeTime + kSecond / 2);
  EXPECT_EQ(parse_rfc3339("2026-01-02 03:04:05Z"), kSomeTime);
  EXPECT_EQ(parse_rfc3339("2026-01-02T05:34:05+02:30"), kSomeTime);
  EXPECT_EQ(parse_rfc3339("2026-01-01T22:04:05.000000000999-05:00"), kSomeTime);
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_rfc3339("2024-02-29T00:00:00Z"), 1'709'164'800 * kSecond);
  for (const char* bad :
       {"", "2026", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04:05.Z", "2026-13-02T03:04:05Z",
        "2026-02-30T03:04:05Z", "2026-01-02T24:04:05Z", "2026-01-02T03:04:05Zx", "2026-01-02T03:04:05+0230",
        "1969-01-02T03:04:05Z", "2300-01-02T03:04:05Z", "x026-01-02T03:04:05Z"})
    EXPECT_FALSE(parse_rfc3339(bad)) << bad;
}

}  // namespace
}  // namespace agena
