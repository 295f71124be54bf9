#include "stage0/metadata/open_connections.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "common/sys/fs.h"

namespace agena::stage0 {
namespace {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;

std::optional<IpAddress> address(const char* text) { return *IpAddress::parse(text); }

std::array<sys::UniqueFd, 2> socket_pair() {
  int pair[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  return {sys::UniqueFd(pair[0]), sys::UniqueFd(pair[1])};
}

TEST(OpenConnections, BoundsEachPeer) {
  OpenConnections open({.per_peer = 2, .of_loopback = 3, .life = 1h});
  open.opened(1000, address("10.0.0.1"));
  EXPECT_TRUE(open.may_open(address("10.0.0.1")));
  open.opened(1001, address("10.0.0.1"));
  EXPECT_FALSE(open.may_open(address("10.0.0.1")));
  EXPECT_TRUE(open.may_open(address("10.0.0.2")));
  EXPECT_TRUE(open.may_open(address("127.0.0.1")));
  open.closed(1000);
  EXPECT_TRUE(open.may_open(address("10.0.0.1")));
}

TEST(OpenConnections, TakesAllOfLoopbackTogether) {
  OpenConnections open({.per_peer = 1, .of_loopback = 3, .life = 1h});
  open.opened(1000, address("127.0.0.1"));
  open.opened(1001, address("127.0.0.1"));
  EXPECT_TRUE(open.may_open(address("127.0.0.1")));
  open.opened(1002, address("127.1.2.3"));
  for (const char* peer : {"127.0.0.1", "127.0.0.9", "::1"})
    EXPECT_FALSE(open.may_open(address(peer))) << peer;
  EXPECT_TRUE(open.may_open(address("10.0.0.1")));
}

TEST(OpenConnections, DoesNotCountPeersWithoutAddressOrLimit) {
  OpenConnections open({.per_peer = 1, .of_loopback = 0, .life = 1h});
  open.opened(1000, std::nullopt);
  open.opened(1001, address("127.0.0.1"));
  EXPECT_TRUE(open.may_open(std::nullopt));
  EXPECT_TRUE(open.may_open(address("127.0.0.1")));
  EXPECT_TRUE(open.may_open(address("10.0.0.1")));
}

TEST(OpenConnections, EndsWhatLastsTooLong) {
  OpenConnections open({.per_peer = 0, .of_loopback = 0, .life = 20ms});
  const auto first = socket_pair();
  const auto second = socket_pair();
  open.opened(first[0].get(), std::nullopt);
  char byte = 0;
  // Waits for the end, which would never come by itself.
  EXPECT_EQ(::recv(first[1].get(), &byte, 1, 0), 0);
  // Also after it had nothing to wait for.
  open.opened(second[0].get(), std::nullopt);
  EXPECT_EQ(::recv(second[1].get(), &byte, 1, 0), 0);
  open.closed(first[0].get());
  open.closed(second[0].get());
}

TEST(OpenConnections, LeavesAloneWhatIsClosed) {
  OpenConnections open({.per_peer = 0, .of_loopback = 0, .life = 20ms});
  const auto kept = socket_pair();
  const auto overdue = socket_pair();
  open.opened(kept[0].get(), std::nullopt);
  open.closed(kept[0].get());
  open.opened(overdue[0].get(), std::nullopt);
  char byte = 0;
  EXPECT_EQ(::recv(overdue[1].get(), &byte, 1, 0), 0);
  EXPECT_EQ(::send(kept[1].get(), "x", 1, MSG_NOSIGNAL), 1);
  EXPECT_EQ(::recv(kept[0].get(), &byte, 1, 0), 1);
}

}  // namespace
}  // namespace agena::stage0
