#include "common/base/trace.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "common/base/json_text.h"
#include "common/base/phase_timer.h"

namespace agena::trace {
namespace {

constexpr Row kRow{.pid = 7, .lane = Lane::kStage1};

TEST(TraceEvents, AreLinesOfJson) {
  EXPECT_EQ(render_span(kRow, {"mounts", 1'000'000'123, 1'000'500'123}),
            R"({"ph":"X","pid":7,"tid":2,"cat":"stage1 run","name":"mounts","ts":1000000.123,"dur":500.000},)"
            "\n");
  EXPECT_EQ(render_instant(kRow, "ready", 5'000),
            R"({"ph":"i","pid":7,"tid":2,"cat":"stage1 run","name":"ready","ts":5.000,"s":"t"},)"
            "\n");
  EXPECT_EQ(render_begin({8, Lane::kApp}, "app 'a' runs", 1),
            R"({"ph":"B","pid":8,"tid":6,"cat":"app","name":"app 'a' runs","ts":0.001},)"
            "\n");
  EXPECT_EQ(render_end({8, Lane::kApp}, 2'001), R"({"ph":"E","pid":8,"tid":6,"cat":"app","ts":2.001},)"
                                                "\n");
}

TEST(TraceEvents, NamesOfRows) {
  EXPECT_EQ(render_names({8, Lane::kSystemd}, "pod"),
            R"({"ph":"M","pid":8,"tid":4,"cat":"systemd","name":"process_name","args":{"name":"pod"}},)"
            "\n"
            R"({"ph":"M","pid":8,"tid":4,"cat":"systemd","name":"thread_name","args":{"name":"systemd"}},)"
            "\n");
  EXPECT_EQ(
      render_names(kRow, ""),
      R"({"ph":"M","pid":7,"tid":2,"cat":"stage1 run","name":"thread_name","args":{"name":"stage1 run"}},)"
      "\n");
}

TEST(TraceEvents, NoNameBreaksTheText) {
  const std::string line = render_instant(kRow, "a\"b\\c\nd\xff", 0);
  const auto event = json_text::parse(std::string_view(line).substr(0, line.size() - 2));
  ASSERT_TRUE(event.has_value()) << line;
  EXPECT_EQ((*event)["name"], "a\"b\\c\\x0ad\\xff");
}

// A trace in a pipe; what was written is read at the end.
class Traced : public testing::Test {
 protected:
  Traced() {
    EXPECT_EQ(::pipe2(fds_.data(), O_CLOEXEC), 0);
    start(fds_[1], {.pid = ::getpid(), .lane = Lane::kStage0}, "agena");
  }
  ~Traced() override {
    finish();
    ::close(fds_[0]);
    ::close(fds_[1]);
  }
  // The events, as one document.
  json_text::Json events() {
    std::string text(kHead);
    std::array<char, 1U << 16U> buffer{};
    text.append(buffer.data(), static_cast<std::size_t>(::read(fds_[0], buffer.data(), buffer.size())));
    if (text.ends_with(",\n")) text.replace(text.size() - 2, 2, "]");
    return json_text::parse(text).value_or(json_text::Json());
  }
  std::array<int, 2> fds_{};
};

TEST_F(Traced, ScopesAndPhases) {
  PhaseTimer timer;
  {
    const Scope outer("mount the roots");
    const Scope inner("mount the root of app", "a");
  }
  timer.end_phase("mounts");
  timer.reach("ready");
  const auto list = events();
  ASSERT_EQ(list.size(), 6U) << list.dump();
  EXPECT_EQ(list[2]["name"], "mount the root of app 'a'");
  EXPECT_EQ(list[3]["name"], "mount the roots");
  EXPECT_LE(list[3]["ts"], list[2]["ts"]);
  EXPECT_EQ(list[4]["name"], "mounts");
  EXPECT_EQ(list[5]["ph"], "i");
}

TEST_F(Traced, FinishClosesTheList) {
  finish();
  EXPECT_FALSE(enabled());
  EXPECT_EQ(descriptor(), -1);
  span("too late", 1, 2);
  const auto list = events();
  ASSERT_EQ(list.size(), 3U) << list.dump();
  EXPECT_EQ(list[2]["name"], "end of the trace");
}

TEST_F(Traced, OtherThreadsHaveRowsOfTheirOwn) {
  std::thread([] { const Scope scope("layer"); }).join();
  const Scope scope("image");
  const auto list = events();
  ASSERT_EQ(list.size(), 3U) << list.dump();
  EXPECT_EQ(list[2]["name"], "layer");
  EXPECT_NE(list[2]["tid"], 1);
}

TEST(Trace, IsOffUnlessStarted) {
  EXPECT_FALSE(enabled());
  const Scope scope("nothing");
  instant("nothing");
  finish();
}

TEST(Trace, WhatCannotBeWrittenTurnsItOff) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  start(full, kRow, "agena");
  EXPECT_FALSE(enabled());
  ::close(full);
}

TEST(Trace, HasAnEnd) {
  std::array<int, 2> fds{};
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  start(null, kRow, "agena");
  for (int i = 0; i < 20'000; ++i) instant("again");
  EXPECT_TRUE(enabled());
  ASSERT_EQ(::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK), 0);
  ASSERT_GE(::dup2(fds[1], null), 0);
  instant("one more");
  char byte = 0;
  EXPECT_LT(::read(fds[0], &byte, 1), 0) << "no event is written behind the limit";
  finish();
  EXPECT_EQ(::read(fds[0], &byte, 1), 1) << "but the end is";
  for (const int fd : {fds[0], fds[1], null}) ::close(fd);
}

}  // namespace
}  // namespace agena::trace
