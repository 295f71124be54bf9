#include "common/sys/unix_socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "tests/support/temp_dir.h"

namespace agena::sys {
namespace {

using test::ok;

class ListeningSocket : public ::testing::Test {
 protected:
  void SetUp() override {
    auto listener = listen_seqpacket(dir_.dir(), "hub", 0600);
    ASSERT_TRUE(ok(listener));
    listener_ = *std::move(listener);
  }

  test::TempDir dir_;
  UniqueFd listener_;
};

TEST_F(ListeningSocket, CarriesMessagesBothWays) {
  const auto client = connect_seqpacket(dir_.dir(), "hub");
  ASSERT_TRUE(ok(client));
  const auto server = accept_connection(listener_.get());
  ASSERT_TRUE(ok(server));
  ASSERT_TRUE(server->has_value());
  ASSERT_TRUE(ok(send_message(client->get(), "one")));
  ASSERT_TRUE(ok(send_message(client->get(), std::string("t\0wo", 4))));
  auto first = receive_message((*server)->get());
  auto second = receive_message((*server)->get());
  ASSERT_TRUE(ok(first) && ok(second) && first->has_value() && second->has_value());
  EXPECT_EQ((*first)->bytes, "one");
  EXPECT_EQ((*second)->bytes, std::string("t\0wo", 4));
  ASSERT_TRUE(ok(send_message((*server)->get(), "back")));
  EXPECT_EQ((*receive_message(client->get()))->bytes, "back");
}

TEST_F(ListeningSocket, HasTheModeAskedFor) {
  const auto st = stat_at(dir_.dir(), "hub");
  ASSERT_TRUE(ok(st));
  EXPECT_TRUE(S_ISSOCK(st->st_mode));
  EXPECT_EQ(st->st_mode & 07777U, 0600U);
  EXPECT_EQ(listen_seqpacket(dir_.dir(), "hub", 0600).error().sys_errno(), EADDRINUSE);
}

TEST_F(ListeningSocket, TellsWhoConnected) {
  const auto client = connect_seqpacket(dir_.dir(), "hub");
  ASSERT_TRUE(ok(client));
  const auto server = accept_connection(listener_.get());
  ASSERT_TRUE(ok(server) && server->has_value());
  EXPECT_EQ(*peer_credentials((*server)->get()), (Credentials{::getpid(), ::geteuid(), ::getegid()}));
}

TEST_F(ListeningSocket, AFullBacklogEndsAtTheTimeLimit) {
  const auto crowded = listen_seqpacket(dir_.dir(), "crowded", 0600, 0);
  ASSERT_TRUE(ok(crowded));
  const auto first = connect_seqpacket(dir_.dir(), "crowded");
  ASSERT_TRUE(ok(first));
  const auto second = connect_seqpacket(dir_.dir(), "crowded", kSecond / 20);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind(), ErrorKind::kBusy);
}

TEST(SocketPath, MayBeDeepBelowADirectory) {
  const test::TempDir dir;
  const std::string deep = std::string(60, 'a') + "/" + std::string(60, 'b');
  ASSERT_TRUE(ok(make_dirs(dir.dir(), deep)));
  const auto inner = open_dir(dir.dir(), deep);
  ASSERT_TRUE(ok(inner));
  EXPECT_TRUE(ok(listen_seqpacket(*inner, "hub", 0600)));
  EXPECT_TRUE(ok(exists(*inner, "hub")));
  const auto too_long = listen_seqpacket(at_cwd(), dir.path() + "/" + deep + "/hub2", 0600);
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().kind(), ErrorKind::kInvalidInput);
}

TEST(SocketPath, NobodyListening) {
  const test::TempDir dir;
  EXPECT_EQ(connect_seqpacket(dir.dir(), "nope").error().sys_errno(), ENOENT);
  {
    const auto listener = listen_seqpacket(dir.dir(), "dead", 0600);
    ASSERT_TRUE(ok(listener));
  }
  EXPECT_EQ(connect_seqpacket(dir.dir(), "dead").error().sys_errno(), ECONNREFUSED);
}

class SocketPair : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pair = seqpacket_pair();
    ASSERT_TRUE(ok(pair));
    std::tie(a_, b_) = *std::move(pair);
  }

  UniqueFd a_;
  UniqueFd b_;
};

TEST_F(SocketPair, DescriptorsArriveCloseOnExecAndMeanTheSameFile) {
  const auto pipe = make_pipe();
  ASSERT_TRUE(ok(pipe));
  const std::array fds = {pipe->read.get(), pipe->write.get()};
  ASSERT_TRUE(ok(send_message(a_.get(), "fds", fds)));
  auto message = receive_message(b_.get());
  ASSERT_TRUE(ok(message) && message->has_value());
  ASSERT_EQ((*message)->fds.size(), 2U);
  for (const UniqueFd& fd : (*message)->fds) EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  ASSERT_TRUE(ok(write_all((*message)->fds[1].get(), "x")));
  char c = 0;
  EXPECT_EQ(::read(pipe->read.get(), &c, 1), 1);
  EXPECT_EQ(c, 'x');
}

TEST_F(SocketPair, TheSendersCredentialsCome) {
  ASSERT_TRUE(ok(pass_credentials(b_.get())));
  const auto pipe = make_pipe();
  ASSERT_TRUE(ok(pipe));
  const std::array fds = {pipe->read.get()};
  ASSERT_TRUE(ok(send_message(a_.get(), "who", fds)));
  const auto message = receive_message(b_.get());
  ASSERT_TRUE(ok(message) && message->has_value());
  EXPECT_EQ((*message)->sender, (Credentials{::getpid(), ::geteuid(), ::getegid()}));
  EXPECT_EQ((*message)->fds.size(), 1U);
}

TEST_F(SocketPair, AMessageThatIsTooLongIsAnError) {
  ASSERT_TRUE(ok(send_message(a_.get(), "12345")));
  const auto message = receive_message(b_.get(), 4);
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().kind(), ErrorKind::kInvalidInput);
  ASSERT_TRUE(ok(send_message(a_.get(), "1234")));
  EXPECT_EQ((*receive_message(b_.get(), 4))->bytes, "1234");
}

TEST_F(SocketPair, TooManyDescriptorsAreRefusedAndClosed) {
  const auto pipe = make_pipe();
  ASSERT_TRUE(ok(pipe));
  const std::vector<int> fds(kMaxMessageFds + 1, pipe->read.get());
  EXPECT_EQ(send_message(a_.get(), "fds", fds).error().kind(), ErrorKind::kInternal);
}

TEST_F(SocketPair, TimeLimitAndEnd) {
  const auto nothing = receive_message(b_.get(), 16, 0);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind(), ErrorKind::kBusy);
  const Nanoseconds before = monotonic_now();
  EXPECT_FALSE(receive_message(b_.get(), 16, kSecond / 50));
  EXPECT_GE(monotonic_now() - before, kSecond / 50);
  a_.reset();
  const auto end = receive_message(b_.get());
  ASSERT_TRUE(ok(end));
  EXPECT_FALSE(end->has_value());
  // Without a signal.
  EXPECT_EQ(send_message(b_.get(), "x").error().sys_errno(), EPIPE);
}

TEST_F(SocketPair, AnEmptyMessageCannotBeSent) { EXPECT_FALSE(send_message(a_.get(), "")); }

}  // namespace
}  // namespace agena::sys
