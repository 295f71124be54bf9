#include "common/contract/log_format.h"

#include <gtest/gtest.h>

namespace agena::contract {
namespace {

constexpr Nanoseconds kTime = 1'767'323'045'000'000'006;

TEST(LogFormat, WritesAndReadsBack) {
  std::string out;
  const std::string prefix = log_prefix(kTime, LogStream::kStdout);
  append_log_records(out, prefix, "a b  c", true);
  EXPECT_EQ(out, "2026-01-02T03:04:05.000000006Z stdout F a b  c\n");
  const auto record = parse_log_record(std::string_view(out).substr(0, out.size() - 1));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->time, kTime);
  EXPECT_EQ(record->stream, LogStream::kStdout);
  EXPECT_TRUE(record->complete);
  EXPECT_EQ(record->text, "a b  c");
}

TEST(LogFormat, LongLinesAreToldInPieces) {
  const std::string prefix = log_prefix(kTime, LogStream::kStderr);
  const std::string line(kMaxLogText * 2 + 5, 'x');
  std::string out;
  append_log_records(out, prefix, line, true);
  std::string joined;
  std::string letters;
  for (std::size_t at = 0; at < out.size();) {
    const std::size_t end = out.find('\n', at);
    const auto record = parse_log_record(std::string_view(out).substr(at, end - at));
    ASSERT_TRUE(record);
    EXPECT_LE(record->text.size(), kMaxLogText);
    joined += record->text;
    letters += record->complete ? 'F' : 'P';
    at = end + 1;
  }
  EXPECT_EQ(joined, line);
  EXPECT_EQ(letters, "PPF");
}

TEST(LogFormat, RefusesWhatIsNoRecord) {
  for (const char* line :
       {"", "x", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z stdout", "2026-01-02T03:04:05Z stdout F",
        "2026-01-02T03:04:05Z stdin F text", "2026-01-02T03:04:05Z stdout X text", "yesterday stdout F text",
        "2026-01-02T03:04:05Z stdout Ftext"})
    EXPECT_FALSE(parse_log_record(line)) << line;
  EXPECT_TRUE(parse_log_record("2026-01-02T03:04:05Z stdout F "));
}

}  // namespace
}  // namespace agena::contract
