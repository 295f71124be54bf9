// From bytes to console lines and log files.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/contract/pod_paths.h"
#include "common/sys/fs.h"
#include "stage1/iohub/app_log.h"
#include "stage1/iohub/line_splitter.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

namespace paths = contract::pod_paths;
using test::ok;
using test::TempDir;

// What the splitter gives, a piece as "text|", a complete line as "text$".
std::string split(LineSplitter& lines, std::string_view bytes) {
  std::string out;
  lines.feed(bytes,
             [&](std::string_view text, bool complete) { out.append(text).push_back(complete ? '$' : '|'); });
  return out;
}

std::string rest(LineSplitter& lines) {
  std::string out;
  lines.finish(
      [&](std::string_view text, bool complete) { out.append(text).push_back(complete ? '$' : '|'); });
  return out;
}

TEST(LineSplitter, LinesAndRest) {
  LineSplitter lines;
  EXPECT_EQ(split(lines, "one\ntw"), "one$");
  EXPECT_EQ(split(lines, "o\n\n"), "two$$");
  EXPECT_EQ(rest(lines), "");
  EXPECT_EQ(split(lines, "no newline"), "");
  EXPECT_EQ(rest(lines), "no newline|");
  EXPECT_EQ(rest(lines), "");
}

TEST(LineSplitter, EndlessLineComesInPieces) {
  LineSplitter lines;
  std::string out;
  const std::string part(1000, 'x');
  for (int i = 0; i < 100; ++i) out += split(lines, part);
  out += split(lines, "\n");
  const std::string full(LineSplitter::kMaxLine, 'x');
  EXPECT_EQ(out, full + "|" + full + "|" + std::string(100'000 - 2 * LineSplitter::kMaxLine, 'x') + "$");
}

TEST(LineSplitter, TheBytesComeOutWhereverTheyAreCut) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += std::string(static_cast<std::size_t>(i % 97), 'a') + "\n";
  for (const std::size_t step : {1U, 7U, 4096U, 65536U}) {
    LineSplitter lines;
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += step)
      lines.feed(std::string_view(text).substr(at, step), [&](std::string_view line, bool complete) {
        out.append(line);
        if (complete) out.push_back('\n');
      });
    EXPECT_EQ(out, text) << step;
  }
}

class LogFiles : public ::testing::Test {
 protected:
  std::string content(int index) {
    const auto text = sys::read_file(pod_.dir(), paths::app_log("web", index));
    return text ? *text : "absent";
  }
  bool present(const std::string& path) { return sys::stat_at(pod_.dir(), path).has_value(); }
  TempDir pod_;
};

StreamSettings settings_of(const char* app) {
  StreamSettings settings;
  settings.app = app;
  return settings;
}

constexpr Nanoseconds kTime = 1'767'323'045'000'000'006;  // 2026-01-02T03:04:05.000000006Z

TEST_F(LogFiles, ConsoleLinesAndRecords) {
  AppLog log(pod_.dir(), settings_of("web"));
  log.begin(LogStream::kStderr, 7, kTime, 12 * kSecond + 3'004'000);
  log.line("one", true);
  log.line("", true);
  log.line("rest", false);
  EXPECT_EQ(log.end(), "[   12.003004] web[7]: one\n[   12.003004] web[7]: \n[   12.003004] web[7]: rest\n");
  const std::string prefix = "2026-01-02T03:04:05.000000006Z stderr ";
  EXPECT_EQ(content(0), prefix + "F one\n" + prefix + "F \n" + prefix + "P rest\n");
  const struct stat st = ASSERT_VALUE(sys::stat_at(pod_.dir(), paths::app_log("web")));
  EXPECT_EQ(st.st_mode & 07777U, 0640U);
}

TEST_F(LogFiles, NothingIsMadeBeforeTheFirstRecord) {
  AppLog log(pod_.dir(), settings_of("web"));
  log.begin(LogStream::kStdout, 7, kTime, 0);
  EXPECT_EQ(log.end(), "");
  EXPECT_FALSE(present(paths::kLogs));
}

TEST_F(LogFiles, SwitchedOff) {
  StreamSettings settings = settings_of("web");
  settings.io.log_file = false;
  AppLog log(pod_.dir(), settings);
  log.begin(LogStream::kStdout, 7, kTime, 0);
  log.line("one", true);
  EXPECT_EQ(log.end(), "[    0.000000] web[7]: one\n");
  EXPECT_FALSE(present(paths::kLogs));
}

TEST_F(LogFiles, RotationKeepsWholeRecordsAndTheNewest) {
  LogFile log(pod_.dir(), "web", 30, 3);
  log.append("one......\ntwo......\nthree....\nfour.....\n");
  log.append("five.....\n");
  EXPECT_EQ(content(1), "one......\ntwo......\nthree....\n");
  EXPECT_EQ(content(0), "four.....\nfive.....\n");
  log.append("six......\nseven....\neight....\nnine.....\nten......\n");
  EXPECT_EQ(content(2), "four.....\nfive.....\nsix......\n");
  EXPECT_EQ(content(1), "seven....\neight....\nnine.....\n");
  EXPECT_EQ(content(0), "ten......\n");
  EXPECT_EQ(content(3), "absent");
}

TEST_F(LogFiles, ARecordLargerThanAFileHasOneOfItsOwn) {
  LogFile log(pod_.dir(), "web", 10, 2);
  log.append("short\n" + std::string(50, 'x') + "\nend\n");
  EXPECT_EQ(content(1), std::string(50, 'x') + "\n");
  EXPECT_EQ(content(0), "end\n");
}

TEST_F(LogFiles, OneFileOnly) {
  LogFile log(pod_.dir(), "web", 10, 1);
  log.append("first....\nsecond...\n");
  EXPECT_EQ(content(0), "second...\n");
  EXPECT_EQ(content(1), "absent");
}

TEST_F(LogFiles, ALaterRunGoesOnBehindATornRecord) {
  ASSERT_TRUE(ok(sys::make_dir(pod_.dir(), paths::kLogs)));
  ASSERT_TRUE(ok(sys::write_file(pod_.dir(), paths::app_log("web"), "whole\nto")));
  LogFile log(pod_.dir(), "web", 1000, 2);
  log.append("next\n");
  log.append("last\n");
  EXPECT_EQ(content(0), "whole\nto\nnext\nlast\n");
}

TEST_F(LogFiles, KubernetesFileBelowItsDirectoryOnly) {
  const std::string& directory = pod_.path();
  KubernetesLog log(directory, "web_0.log");
  log.append("one\n");
  log.append("two\n");
  const std::string text = ASSERT_VALUE(sys::read_file(pod_.dir(), "web_0.log"));
  EXPECT_EQ(text, "one\ntwo\n");
  ASSERT_TRUE(ok(sys::make_dir(pod_.dir(), "inner")));
  KubernetesLog outside(directory + "/inner", "../escaped.log");
  outside.append("lost\n");
  EXPECT_FALSE(present("escaped.log"));
}

}  // namespace
}  // namespace agena::stage1
