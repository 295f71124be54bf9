// What `attach` and the hub say to each other, the keys to leave, and bytes on their way to an app.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/sys/unix_socket.h"
#include "stage1/attach/detach_keys.h"
#include "stage1/iohub/app_input.h"
#include "stage1/iohub/attach_protocol.h"
#include "stage1/iohub/attach_server.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

using test::ok;
using testing::error_of;

TEST(AttachProtocol, StreamsThereAndBack) {
  const AttachStreams streams{"web", {AttachStream::kStdin, AttachStream::kTtyOut}};
  const std::string text = render_attach_streams(streams);
  EXPECT_EQ(text, R"({"version":1,"app":"web","streams":["stdin","tty-out"]})");
  EXPECT_EQ(ASSERT_VALUE(parse_attach_streams(text)), streams);
  EXPECT_NE(
      error_of(parse_attach_streams(R"({"version":1,"app":"a","streams":["stdin","stdin"]})")).find("twice"),
      std::string::npos);
  for (const char* bad :
       {"", "[]", "{}", R"({"version":2,"app":"a","streams":[]})",
        R"({"version":1,"app":"a","streams":["all"]})", R"({"version":1,"app":"a","streams":[],"more":1})"})
    EXPECT_FALSE(parse_attach_streams(bad)) << bad;
}

TEST(AttachProtocol, MessagesWindowsAndSignals) {
  const std::string bytes = attach_message(AttachKind::kInput, "abc");
  const AttachMessage message = ASSERT_VALUE(read_attach_message(bytes));
  EXPECT_EQ(message.kind, AttachKind::kInput);
  EXPECT_EQ(message.data, "abc");
  EXPECT_FALSE(read_attach_message(""));
  EXPECT_FALSE(read_attach_message("?"));
  const AttachWindow window{300, 65535};
  EXPECT_EQ(ASSERT_VALUE(parse_attach_window(render_attach_window(window))), window);
  EXPECT_FALSE(parse_attach_window("abc"));
  const char interrupt = SIGINT;
  const char kill = SIGKILL;
  EXPECT_EQ(ASSERT_VALUE(parse_attach_signal({&interrupt, 1})), SIGINT);
  EXPECT_FALSE(parse_attach_signal({&kill, 1}));
  EXPECT_FALSE(parse_attach_signal(""));
}

struct Typed {
  bool left;
  std::string sent;
  bool operator==(const Typed&) const = default;
};

Typed type(DetachKeys& keys, std::string_view text, Nanoseconds monotonic) {
  Typed typed;
  typed.left = keys.feed(text, monotonic, typed.sent);
  return typed;
}

TEST(DetachKeys, CtrlPCtrlQ) {
  DetachKeys keys;
  EXPECT_EQ(type(keys, "ab\x10", 0), (Typed{false, "ab"}));
  EXPECT_EQ(type(keys, "c", 0), (Typed{false,
                                       "\x10"
                                       "c"}));
  EXPECT_EQ(type(keys, "\x10\x10", 0), (Typed{false, "\x10"}));
  EXPECT_EQ(type(keys, "\x11", 0), (Typed{true, ""}));
  EXPECT_EQ(type(keys, "\x11", 0), (Typed{true, ""}));
}

TEST(DetachKeys, ThreeEscapesWithinASecond) {
  DetachKeys keys;
  EXPECT_EQ(type(keys, "\x1d\x1d", 0), (Typed{false, "\x1d\x1d"}));
  EXPECT_EQ(type(keys, "\x1d", 2 * kSecond), (Typed{false, "\x1d"}));
  EXPECT_EQ(type(keys, "\x1d", 2 * kSecond), (Typed{false, "\x1d"}));
  EXPECT_TRUE(type(keys, "\x1d", 2 * kSecond + kSecond / 2).left);
}

TEST(AppInput, WaitsForTheProgramAndEnds) {
  auto loop = ASSERT_VALUE(sys::EventLoop::create());
  int told = 0;
  AppInput input(loop, [&] {
    ++told;
    return Result<>();
  });
  const std::string data(300'000, 'x');
  ASSERT_TRUE(ok(input.push(data)));
  EXPECT_TRUE(input.full());
  sys::Pipe pipe = ASSERT_VALUE(sys::make_pipe());
  ASSERT_EQ(::fcntl(pipe.write.get(), F_SETFL, O_NONBLOCK), 0);
  ASSERT_TRUE(ok(input.connect(std::move(pipe.write))));
  ASSERT_TRUE(ok(input.close()));
  ASSERT_TRUE(ok(input.push("late")));
  std::string got;
  const int reader = pipe.read.get();
  ASSERT_TRUE(ok(loop.add(reader, EPOLLIN, [&](std::uint32_t) -> Result<> {
    std::array<char, 4096> buffer{};
    const ssize_t n = ::read(reader, buffer.data(), buffer.size());
    if (n <= 0)
      loop.quit();
    else
      got.append(buffer.data(), static_cast<std::size_t>(n));
    return {};
  })));
  ASSERT_TRUE(ok(loop.run()));
  EXPECT_EQ(got, data);
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace agena::stage1
