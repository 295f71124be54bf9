#include "stage0/http/backoff.h"

#include <gtest/gtest.h>

namespace agena::stage0 {
namespace {

constexpr Nanoseconds kNow = 784'111'777 * kSecond;  // Sun, 06 Nov 1994 08:49:37 GMT

TEST(RetryAfter, SecondsAndDates) {
  EXPECT_EQ(parse_retry_after("7", kNow), 7 * kSecond);
  EXPECT_EQ(parse_retry_after(" 0 ", kNow), 0);
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:47 GMT", kNow), 10 * kSecond);
}

TEST(RetryAfter, IsCapped) {
  EXPECT_EQ(parse_retry_after("86400", kNow), kLongestWait);
  EXPECT_EQ(parse_retry_after("99999999999999999999999999", kNow), kLongestWait);
  EXPECT_EQ(parse_retry_after("Mon, 07 Nov 1994 08:49:37 GMT", kNow), kLongestWait);
  EXPECT_EQ(parse_retry_after("Sat, 05 Nov 1994 08:49:37 GMT", kNow), 0);
}

TEST(RetryAfter, OtherTextsSayNothing) {
  for (const char* text : {"", "-1", "1.5", "soon", "Sun, 06 Nov 1994", "Sun, 32 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Foo 1994 08:49:37 GMT"})
    EXPECT_EQ(parse_retry_after(text, kNow), std::nullopt) << text;
}

TEST(HttpDate, IsSecondsSinceTheEpoch) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784'111'777);
  EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
}

TEST(Backoff, GrowsWithinBounds) {
  for (unsigned n = 1; n < 40; ++n) {
    const Nanoseconds least = backoff_delay(n, 0);
    EXPECT_GE(least, kSecond / 4);
    EXPECT_GE(backoff_delay(n + 1, 0), least);
    for (const std::uint64_t random : {std::uint64_t{1}, std::uint64_t{12'345'678'901}, UINT64_MAX}) {
      EXPECT_GE(backoff_delay(n, random), least);
      EXPECT_LE(backoff_delay(n, random), 30 * kSecond);
      EXPECT_LE(backoff_delay(n, random), 2 * least);
    }
  }
}

TEST(PassingStatus, IsOneOfFour) {
  for (const int status : {429, 502, 503, 504}) EXPECT_TRUE(is_passing_status(status));
  for (const int status : {200, 400, 401, 404, 500, 501}) EXPECT_FALSE(is_passing_status(status));
}

}  // namespace
}  // namespace agena::stage0
