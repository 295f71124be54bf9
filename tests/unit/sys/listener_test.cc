// A server that has no descriptors left.
#include "common/sys/listener.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "common/sys/unix_socket.h"
#include "tests/support/temp_dir.h"

namespace agena::sys {
namespace {

using test::ok;

TEST(Listener, LetsClientsGoWhenDescriptorsRunOut) {
  const test::TempDir dir;
  auto socket = listen_seqpacket(dir.dir(), "socket", 0600);
  ASSERT_TRUE(ok(socket));
  Listener listener(*std::move(socket));
  auto unlucky = connect_seqpacket(dir.dir(), "socket");
  ASSERT_TRUE(ok(unlucky));
  auto patient = connect_seqpacket(dir.dir(), "socket");
  ASSERT_TRUE(ok(patient));

  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<UniqueFd> taken;
  const rlimit few{.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  while (auto more = duplicate(unlucky->get())) taken.push_back(*std::move(more));
  const auto none = listener.accept();
  taken.clear();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(ok(none));
  EXPECT_FALSE(none->has_value());
  // It is told by the end of the connection, and the next one gets in.
  const auto ended = receive_message(unlucky->get(), 16, kSecond);
  EXPECT_TRUE(!ended || !*ended);
  const auto connection = listener.accept();
  ASSERT_TRUE(ok(connection));
  ASSERT_TRUE(connection->has_value());
  ASSERT_TRUE(ok(send_message((*connection)->get(), "hello")));
  const auto hello = receive_message(patient->get(), 16, kSecond);
  ASSERT_TRUE(ok(hello));
  EXPECT_EQ((*hello)->bytes, "hello");
}

}  // namespace
}  // namespace agena::sys
