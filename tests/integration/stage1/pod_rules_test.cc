// Forwarded ports and masquerading with real packets: each test has a network namespace as the host, one as a
// pod behind a veth pair, and one as another machine, with nf_tables and with iptables.
#include "stage1/net/pod_rules.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <functional>

#include "common/sys/fs.h"
#include "common/sys/namespaces.h"
#include "common/sys/rtnetlink.h"
#include "common/sys/spawn.h"
#include "stage1/net/held_ports.h"
#include "stage1/net/iptables_rules.h"
#include "stage1/net/loopback_guard.h"
#include "stage1/net/pod_ports.h"

namespace agena::stage1 {
namespace {

using schema::PortMapping;
using sys::UniqueFd;

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
IpPrefix prefix(const char* text) { return IpPrefix::parse(text).value(); }
const Uuid& pod_id() {
  static const Uuid uuid = Uuid::parse("5f2e8e3c-6a1b-4c7d-9e0f-112233445566").value();
  return uuid;
}

Result<> check(bool holds, const std::string& what) {
  if (holds) return {};
  return fail(ErrorKind::kInternal, "not so: {}", what);
}
#define CHECK(condition) TRY(check((condition), #condition))
#define CHECK_EQ(one, other) \
  TRY(check((one) == (other), std::string(#one) + " is " + std::string(one) + ", not " + std::string(other)))

Result<> set(const std::string& setting, const char* value = "1") {
  const UniqueFd file = TRY(sys::open_at(sys::at_cwd(), "/proc/sys/net/" + setting, O_WRONLY));
  return sys::write_all(file.get(), value);
}

struct SocketAddress {
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  bool is_v4;
  SocketAddress(const IpAddress& address, std::uint16_t port) : is_v4(address.is_v4()) {
    v4.sin_family = AF_INET;
    v6.sin6_family = AF_INET6;
    v4.sin_port = v6.sin6_port = htons(port);
    std::memcpy(is_v4 ? static_cast<void*>(&v4.sin_addr) : &v6.sin6_addr, address.bytes().data(),
                address.bytes().size());
  }
  const sockaddr* get() const {
    return is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  }
  socklen_t size() const { return is_v4 ? sizeof v4 : sizeof v6; }
};

Result<bool> readable(int fd, int milliseconds = 3000) {
  pollfd one{fd, POLLIN, 0};
  const int ready = ::poll(&one, 1, milliseconds);
  if (ready < 0) return sys_fail("poll");
  return ready == 1;
}

std::string address_text(const sockaddr_storage& storage) {
  const bool v4 = storage.ss_family == AF_INET;
  const auto* bytes =
      v4 ? reinterpret_cast<const std::uint8_t*>(&reinterpret_cast<const sockaddr_in&>(storage).sin_addr)
         : reinterpret_cast<const std::uint8_t*>(&reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr);
  return IpAddress::from_bytes({bytes, v4 ? 4U : 16U}).value().to_string();
}

class World {
 public:
  static Result<World> make() {
    World world;
    world.host_ = TRY(sys::open_at(sys::at_cwd(), "/proc/self/ns/net", O_RDONLY));
    TRY(use_addresses_at_once());
    auto host = TRY(sys::RouteNetlink::open());
    TRY(host.set_up(TRY(host.index_of("lo"))));
    world.pod_ =
        TRY(world.neighbour(host, "pod0", {"10.5.0.1/24", "fd05::1/64"}, {"10.5.0.2/24", "fd05::2/64"}));
    world.lan_ =
        TRY(world.neighbour(host, "lan0", {"10.6.0.1/24", "fd06::1/64"}, {"10.6.0.9/24", "fd06::9/64"}));
    TRY(set("ipv4/ip_forward"));
    TRY(set("ipv6/conf/all/forwarding"));
    // The other machine knows nothing of the pod's network.
    auto pod = TRY(sys::RouteNetlink::open_in(world.pod_.get()));
    TRY(pod.add_route({.destination = prefix("0.0.0.0/0"), .gateway = ip("10.5.0.1")}));
    TRY(pod.add_route({.destination = prefix("::/0"), .gateway = ip("fd05::1")}));
    return world;
  }

  int pod() const { return pod_.get(); }
  int lan() const { return lan_.get(); }
  int host() const { return host_.get(); }

  // A socket of a server in a namespace.
  Result<UniqueFd> serve(int where, int type, const char* address, std::uint16_t port) const {
    UniqueFd socket;
    TRY(sys::in_network_namespace(where, [&]() -> Result<> {
      socket.reset(::socket(ip(address).family(), type | SOCK_CLOEXEC, 0));
      const SocketAddress at(ip(address), port);
      if (::bind(socket.get(), at.get(), at.size()) != 0) return sys_fail("bind");
      if (type == SOCK_STREAM && ::listen(socket.get(), 8) != 0) return sys_fail("listen");
      return {};
    }));
    return socket;
  }

  // Goes from a namespace to an address; returns as whom the server sees it, or "refused" and the like.
  Result<std::string> visit(int from, const char* address, std::uint16_t port, const UniqueFd& server,
                            int type = SOCK_STREAM, int seconds = 3) const {
    UniqueFd client;
    std::string outcome;
    TRY(sys::in_network_namespace(from, [&]() -> Result<> {
      client.reset(::socket(ip(address).family(), type | SOCK_CLOEXEC, 0));
      const timeval patience{.tv_sec = seconds, .tv_usec = 0};
      (void)::setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
      const SocketAddress to(ip(address), port);
      if (::connect(client.get(), to.get(), to.size()) != 0)
        outcome = errno == EINPROGRESS ? "lost" : errno_text(errno);
      return {};
    }));
    if (!outcome.empty()) return outcome;
    return type == SOCK_STREAM ? accept_one(server, client) : exchange(server, client);
  }

 private:
  static Result<std::string> accept_one(const UniqueFd& server, const UniqueFd& client) {
    if (!TRY(readable(server.get()))) return std::string("somebody else");
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const UniqueFd connection(
        ::accept4(server.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC));
    if (!connection) return sys_fail("accept");
    char byte = 0;
    if (::send(client.get(), "x", 1, MSG_NOSIGNAL) != 1 || !TRY(readable(connection.get())) ||
        ::recv(connection.get(), &byte, 1, 0) != 1)
      return std::string("mute");
    return address_text(peer);
  }

  // Both ways.
  static Result<std::string> exchange(const UniqueFd& server, const UniqueFd& client) {
    char byte = 'q';
    if (::send(client.get(), &byte, 1, MSG_NOSIGNAL) != 1) return errno_text(errno);
    if (!TRY(readable(server.get()))) return std::string("lost");
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (::recvfrom(server.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&peer), &size) != 1)
      return sys_fail("recvfrom");
    if (::sendto(server.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&peer), size) != 1)
      return sys_fail("sendto");
    if (!TRY(readable(client.get())) || ::recv(client.get(), &byte, 1, 0) != 1)
      return std::string("no answer");
    return address_text(peer);
  }

  static Result<> use_addresses_at_once() {
    for (const char* all : {"all", "default"}) TRY(set(fmt::format("ipv6/conf/{}/accept_dad", all), "0"));
    return {};
  }

  Result<UniqueFd> neighbour(sys::RouteNetlink& host, const std::string& link,
                             std::array<const char*, 2> ours, std::array<const char*, 2> theirs) const {
    TRY(sys::unshare_namespaces(CLONE_NEWNET));
    UniqueFd made = TRY(sys::open_at(sys::at_cwd(), "/proc/self/ns/net", O_RDONLY));
    TRY(use_addresses_at_once());
    if (::setns(host_.get(), CLONE_NEWNET) != 0) return sys_fail("going back");
    auto there = TRY(sys::RouteNetlink::open_in(made.get()));
    TRY(host.add_veth({.name = link}, {.name = "eth0", .netns = made.get()}));
    const int here = TRY(host.index_of(link));
    const int eth0 = TRY(there.index_of("eth0"));
    for (const char* address : ours) TRY(host.add_address(here, prefix(address), false));
    for (const char* address : theirs) TRY(there.add_address(eth0, prefix(address), false));
    TRY(host.set_up(here));
    TRY(there.set_up(eth0));
    TRY(there.set_up(TRY(there.index_of("lo"))));
    return made;
  }

  UniqueFd host_;
  UniqueFd pod_;
  UniqueFd lan_;
};

PortMapping tcp(std::uint16_t host_port, std::uint16_t pod_port, const char* host_ip = nullptr,
                std::uint16_t count = 1) {
  PortMapping mapping{
      .name = "p", .protocol = "tcp", .host_port = host_port, .pod_port = pod_port, .count = count};
  if (host_ip != nullptr) mapping.host_ip = ip(host_ip);
  return mapping;
}

constexpr ForwardTarget (*kTarget)() = [] {
  return ForwardTarget{prefix("10.5.0.2/24"), prefix("fd05::2/64")};
};

using Install = Result<> (*)(const Uuid&, const PodRules&);
using Remove = Result<> (*)(const Uuid&);
struct Way {
  const char* name;
  Install install;
  Remove remove;
};

// In each test's process there is one pod.
InstalledRules& installed() {
  static InstalledRules rules(pod_id());
  return rules;
}
Result<> install_with_nf_tables(const Uuid&, const PodRules& rules) { return installed().install(rules); }
Result<> remove_with_nf_tables(const Uuid&) { return installed().remove(); }

class PodRulesTest : public testing::TestWithParam<Way> {
 protected:
  // Runs the body in a child with a network namespace of its own; its first complaint fails the test.
  static void in_world(const std::function<Result<>(const World&)>& body) {
    sys::Pipe pipe = sys::make_pipe().value();
    auto child = sys::fork_child([&] {
      const auto done = [&]() -> Result<> {
        TRY(sys::unshare_namespaces(CLONE_NEWNET));
        return body(TRY(World::make()));
      }();
      if (!done) (void)sys::write_all(pipe.write.get(), done.error().to_string());
      return done ? 0 : 1;
    });
    ASSERT_TRUE(child);
    pipe.write.reset();
    EXPECT_EQ(sys::read_all(pipe.read.get()).value(), "");
    EXPECT_TRUE(child->wait().value().success());
  }
};

TEST_P(PodRulesTest, ForwardsFromEverywhere) {
  in_world([](const World& world) -> Result<> {
    const UniqueFd v4 = TRY(world.serve(world.pod(), SOCK_STREAM, "0.0.0.0", 80));
    const UniqueFd v6 = TRY(world.serve(world.pod(), SOCK_STREAM, "fd05::2", 80));
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8080, v4)), "connection refused");
    const PodRules rules{.ports = {tcp(8080, 80)}, .target = kTarget()};
    TRY(GetParam().install(pod_id(), rules));
    TRY(route_local_addresses(rules.target));
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8080, v4)), "10.6.0.9");
    CHECK_EQ(TRY(world.visit(world.lan(), "fd06::1", 8080, v6)), "fd06::9");
    CHECK_EQ(TRY(world.visit(world.host(), "127.0.0.1", 8080, v4)), "10.5.0.1");
    CHECK_EQ(TRY(world.visit(world.host(), "::1", 8080, v6)), "connection refused");
    CHECK_EQ(TRY(world.visit(world.host(), "10.6.0.1", 8080, v4)), "10.6.0.1");
    CHECK_EQ(TRY(world.visit(world.host(), "fd06::1", 8080, v6)), "fd06::1");
    CHECK_EQ(TRY(world.visit(world.pod(), "10.6.0.1", 8080, v4)), "10.5.0.1");
    CHECK_EQ(TRY(world.visit(world.pod(), "fd06::1", 8080, v6)), "fd05::1");
    CHECK_EQ(TRY(world.visit(world.host(), "10.5.0.2", 80, v4)), "10.5.0.1");
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 80, v4)), "connection refused");
    TRY(GetParam().remove(pod_id()));
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8080, v4)), "connection refused");
    TRY(GetParam().remove(pod_id()));
    return {};
  });
}

TEST_P(PodRulesTest, OnAnAddressOfTheHost) {
  in_world([](const World& world) -> Result<> {
    const UniqueFd web = TRY(world.serve(world.pod(), SOCK_STREAM, "0.0.0.0", 80));
    const PodRules rules{.ports = {tcp(8080, 80, "10.6.0.1"), tcp(8081, 80, "0.0.0.0"), tcp(8082, 80, "::")},
                         .target = kTarget()};
    TRY(GetParam().install(pod_id(), rules));
    TRY(route_local_addresses(rules.target));
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8080, web)), "10.6.0.9");
    CHECK_EQ(TRY(world.visit(world.host(), "127.0.0.1", 8080, web)), "connection refused");
    CHECK_EQ(TRY(world.visit(world.host(), "127.0.0.1", 8081, web)), "10.5.0.1");
    CHECK_EQ(TRY(world.visit(world.host(), "127.0.0.1", 8082, web)), "connection refused");
    return {};
  });
}

TEST_P(PodRulesTest, RangesAndDatagrams) {
  in_world([](const World& world) -> Result<> {
    PodRules rules{.ports = {tcp(8000, 9000, nullptr, 10), tcp(7000, 7000, nullptr, 10)},
                   .target = kTarget()};
    rules.ports.push_back({.name = "dns", .protocol = "udp", .host_port = 5353, .pod_port = 53});
    // Whether or not the kernel has sockets of it.
    rules.ports.push_back({.name = "ss7", .protocol = "sctp", .host_port = 2905, .pod_port = 2906});
    TRY(HeldPorts::hold(rules.ports));
    TRY(GetParam().install(pod_id(), rules));
    TRY(route_local_addresses(rules.target));
    const UniqueFd shifted = TRY(world.serve(world.pod(), SOCK_STREAM, "0.0.0.0", 9009));
    const UniqueFd same = TRY(world.serve(world.pod(), SOCK_STREAM, "0.0.0.0", 7005));
    const UniqueFd dns = TRY(world.serve(world.pod(), SOCK_DGRAM, "0.0.0.0", 53));
    const UniqueFd dns6 = TRY(world.serve(world.pod(), SOCK_DGRAM, "fd05::2", 53));
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8009, shifted)), "10.6.0.9");
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8010, shifted)), "connection refused");
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 7005, same)), "10.6.0.9");
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 5353, dns, SOCK_DGRAM)), "10.6.0.9");
    CHECK_EQ(TRY(world.visit(world.lan(), "fd06::1", 5353, dns6, SOCK_DGRAM)), "fd06::9");
    CHECK_EQ(TRY(world.visit(world.host(), "127.0.0.1", 5353, dns, SOCK_DGRAM)), "10.5.0.1");
    return {};
  });
}

TEST_P(PodRulesTest, StandsInForThePod) {
  in_world([](const World& world) -> Result<> {
    const UniqueFd lan = TRY(world.serve(world.lan(), SOCK_STREAM, "0.0.0.0", 80));
    const UniqueFd lan6 = TRY(world.serve(world.lan(), SOCK_STREAM, "fd06::9", 80));
    const UniqueFd host = TRY(world.serve(world.host(), SOCK_STREAM, "0.0.0.0", 81));
    CHECK_EQ(TRY(world.visit(world.pod(), "10.6.0.9", 80, lan, SOCK_STREAM, 1)), "lost");
    TRY(GetParam().install(pod_id(), {.masquerade = {prefix("10.5.0.2/24"), prefix("fd05::2/64")}}));
    CHECK_EQ(TRY(world.visit(world.pod(), "10.6.0.9", 80, lan)), "10.6.0.1");
    CHECK_EQ(TRY(world.visit(world.pod(), "fd06::9", 80, lan6)), "fd06::1");
    CHECK_EQ(TRY(world.visit(world.pod(), "10.5.0.1", 81, host)), "10.5.0.2");
    // Other rules take their place.
    TRY(GetParam().install(pod_id(), {.masquerade = {prefix("fd05::2/64")}}));
    CHECK_EQ(TRY(world.visit(world.pod(), "10.6.0.9", 80, lan, SOCK_STREAM, 1)), "lost");
    return {};
  });
}

Result<> send_loopback_to_the_host(const World& world) {
  auto pod = TRY(sys::RouteNetlink::open_in(world.pod()));
  for (const char* setting : {"all", "eth0"})
    TRY(sys::in_network_namespace(
        world.pod(), [&]() -> Result<> { return set(fmt::format("ipv4/conf/{}/route_localnet", setting)); }));
  TRY(pod.delete_address(TRY(pod.index_of("lo")), prefix("127.0.0.1/8")));
  return pod.add_route({.destination = prefix("127.0.0.0/8"),
                        .gateway = ip("10.5.0.1"),
                        .interface = TRY(pod.index_of("eth0"))});
}

// With route_localnet a pod that sends such packets would reach what listens on the host's loopback alone.
TEST_P(PodRulesTest, NobodyElseGetsAtTheHostsLoopback) {
  in_world([](const World& world) -> Result<> {
    TRY(send_loopback_to_the_host(world));
    const UniqueFd secret = TRY(world.serve(world.host(), SOCK_STREAM, "127.0.0.1", 631));
    const PodRules rules{.ports = {tcp(8080, 80)}, .target = kTarget()};
    TRY(route_local_addresses(rules.target));
    CHECK_EQ(TRY(world.visit(world.pod(), "127.0.0.1", 631, secret)), "10.5.0.2");
    TRY(GetParam().install(pod_id(), rules));
    CHECK_EQ(TRY(world.visit(world.pod(), "127.0.0.1", 631, secret, SOCK_STREAM, 1)), "lost");
    return {};
  });
}

// Nor may one say that it is the host's loopback.
TEST_P(PodRulesTest, NobodyElseComesFromTheHostsLoopback) {
  in_world([](const World& world) -> Result<> {
    for (const char* side : {"all", "pod0"}) TRY(set(fmt::format("ipv4/conf/{}/rp_filter", side), "0"));
    const UniqueFd trusting = TRY(world.serve(world.host(), SOCK_DGRAM, "0.0.0.0", 9999));
    const UniqueFd liar = TRY(world.serve(world.pod(), SOCK_DGRAM, "127.0.0.2", 9998));
    TRY(sys::in_network_namespace(world.pod(), [&]() -> Result<> {
      for (const char* side : {"all", "eth0"}) TRY(set(fmt::format("ipv4/conf/{}/route_localnet", side)));
      return {};
    }));
    const auto arrives = [&](int patience) -> Result<bool> {
      const SocketAddress to(ip("10.5.0.1"), 9999);
      if (::sendto(liar.get(), "x", 1, 0, to.get(), to.size()) != 1) return sys_fail("sendto");
      return readable(trusting.get(), patience);
    };
    const PodRules rules{.ports = {tcp(8080, 80)}, .target = kTarget()};
    TRY(route_local_addresses(rules.target));
    CHECK(TRY(arrives(3000)));
    char byte = 0;
    CHECK(::recv(trusting.get(), &byte, 1, 0) == 1);
    TRY(GetParam().install(pod_id(), rules));
    CHECK(!TRY(arrives(500)));
    return {};
  });
}

// Whose last port has gone has a host's side that still takes such packets.
TEST_P(PodRulesTest, TheGuardOutlivesThePorts) {
  in_world([](const World& world) -> Result<> {
    TRY(send_loopback_to_the_host(world));
    const UniqueFd secret = TRY(world.serve(world.host(), SOCK_STREAM, "127.0.0.1", 631));
    PodRules rules{.ports = {tcp(8080, 80)}, .target = kTarget()};
    TRY(GetParam().install(pod_id(), rules));
    TRY(route_local_addresses(rules.target));
    rules.ports.clear();
    rules.guard_loopback = true;
    TRY(GetParam().install(pod_id(), rules));
    CHECK_EQ(TRY(world.visit(world.pod(), "127.0.0.1", 631, secret, SOCK_STREAM, 1)), "lost");
    return {};
  });
}

INSTANTIATE_TEST_SUITE_P(Ways, PodRulesTest,
                         testing::Values(Way{"NfTables", install_with_nf_tables, remove_with_nf_tables},
                                         Way{"Iptables", install_with_iptables, remove_with_iptables}),
                         [](const auto& way) { return std::string(way.param.name); });

class PodPortsTest : public PodRulesTest {};

TEST_F(PodPortsTest, APortHasOneHolder) {
  in_world([](const World& world) -> Result<> {
    const std::vector ports = {tcp(8080, 80)};
    {
      const HeldPorts held = TRY(HeldPorts::hold(ports));
      CHECK(held.size() == 2);
      CHECK_EQ(HeldPorts::hold(ports).error().message(),
               "port tcp-0.0.0.0:8080 of the host is in use, by another pod or by a program of the host");
      CHECK(HeldPorts::hold(std::vector{tcp(8080, 80, "127.0.0.1")}).error().kind() == ErrorKind::kBusy);
      CHECK(HeldPorts::hold(std::vector{tcp(8080, 80, "fd06::1")}).error().kind() == ErrorKind::kBusy);
      CHECK(world.serve(world.host(), SOCK_STREAM, "0.0.0.0", 8080).error().sys_errno() == EADDRINUSE);
      PortMapping udp = tcp(8080, 80);
      udp.protocol = "udp";
      TRY(HeldPorts::hold({&udp, 1}));
    }
    const UniqueFd server = TRY(world.serve(world.host(), SOCK_STREAM, "10.6.0.1", 8080));
    CHECK_EQ(HeldPorts::hold(ports).error().message(),
             "port tcp-0.0.0.0:8080 of the host is in use, by another pod or by a program of the host");
    TRY(HeldPorts::hold(std::vector{tcp(8080, 80, "127.0.0.1")}));
    CHECK_EQ(HeldPorts::hold(std::vector{tcp(8080, 80, "10.9.9.9")}).error().message(),
             "port tcp-10.9.9.9:8080: the host has no address 10.9.9.9");
    return {};
  });
}

// Connections of a former owner that have just ended do not keep the port; nor do they let two pods have it.
TEST_F(PodPortsTest, APortThatWasInUse) {
  in_world([](const World& world) -> Result<> {
    {
      const UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const int on = 1;
      (void)::setsockopt(server.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      const SocketAddress at(ip("127.0.0.1"), 8080);
      if (::bind(server.get(), at.get(), at.size()) != 0 || ::listen(server.get(), 1) != 0)
        return sys_fail("serving");
      const UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (::connect(client.get(), at.get(), at.size()) != 0) return sys_fail("connecting");
      // The server's side closes first, and waits.
      UniqueFd connection(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
      connection.reset();
      char byte = 0;
      CHECK(::recv(client.get(), &byte, 1, 0) == 0);
    }
    CHECK(world.serve(world.host(), SOCK_STREAM, "127.0.0.1", 8080).error().sys_errno() == EADDRINUSE);
    const std::vector ports = {tcp(8080, 80)};
    const HeldPorts held = TRY(HeldPorts::hold(ports));
    CHECK(HeldPorts::hold(ports).error().kind() == ErrorKind::kBusy);
    return {};
  });
}

TEST_F(PodPortsTest, ManyPorts) {
  in_world([](const World&) -> Result<> {
    const HeldPorts held = TRY(HeldPorts::hold(std::vector{tcp(10000, 10000, nullptr, 3000)}));
    CHECK(held.size() == 6000);
    PodRules rules{.ports = {tcp(20000, 30000, nullptr, 1000)}, .target = kTarget()};
    return installed().install(rules);
  });
}

// The rules of a pod whose supervisor is killed do not keep a port from its next owner.
TEST_F(PodPortsTest, RulesGoWithTheirProcess) {
  in_world([](const World& world) -> Result<> {
    const UniqueFd web = TRY(world.serve(world.pod(), SOCK_STREAM, "0.0.0.0", 80));
    const PodRules rules{.ports = {tcp(8080, 80)}, .target = kTarget()};
    sys::Pipe pipe = TRY(sys::make_pipe());
    auto supervisor = TRY(sys::fork_child([&] {
      InstalledRules own(pod_id());
      if (own.install(rules)) (void)sys::write_all(pipe.write.get(), "installed");
      ::pause();
      return 0;
    }));
    std::array<char, 9> told{};
    CHECK(::read(pipe.read.get(), told.data(), told.size()) == 9);
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8080, web)), "10.6.0.9");
    CHECK(InstalledRules(pod_id()).install(rules).error().kind() == ErrorKind::kPermission);
    CHECK(::kill(supervisor.pid(), SIGKILL) == 0);
    TRY(supervisor.wait());
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8080, web)), "connection refused");
    return remove_pod_rules(pod_id());
  });
}

TEST_F(PodPortsTest, ComeAndGoWithApps) {
  in_world([](const World& world) -> Result<> {
    const UniqueFd web = TRY(world.serve(world.pod(), SOCK_STREAM, "0.0.0.0", 80));
    PodPorts ports(pod_id());
    TRY(ports.add("", {tcp(8080, 80)}));
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8080, web)), "connection refused");
    TRY(ports.begin({prefix("10.5.0.2/24")}, kTarget()));
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8080, web)), "10.6.0.9");
    CHECK_EQ(ports.add("app", {tcp(8080, 81)}).error().message(),
             "port tcp-0.0.0.0:8080 already mapped to pod port 80");
    TRY(ports.add("app", {tcp(8081, 80)}));
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8081, web)), "10.6.0.9");
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8080, web)), "10.6.0.9");
    TRY(ports.remove("app"));
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8081, web)), "connection refused");
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8080, web)), "10.6.0.9");
    TRY(HeldPorts::hold(std::vector{tcp(8081, 80)}));
    TRY(ports.end());
    CHECK_EQ(TRY(world.visit(world.lan(), "10.6.0.1", 8080, web)), "connection refused");
    TRY(HeldPorts::hold(std::vector{tcp(8080, 80)}));
    return {};
  });
}

// UDP clients that sent to the pod, and go on sending, reach who has the port then.
TEST_F(PodPortsTest, ClientsOfUdpDoNotStickToThePod) {
  in_world([](const World& world) -> Result<> {
    PortMapping dns{.name = "dns", .protocol = "udp", .host_port = 5353, .pod_port = 53};
    const UniqueFd old_owner = TRY(world.serve(world.pod(), SOCK_DGRAM, "0.0.0.0", 53));
    const UniqueFd client = TRY(world.serve(world.lan(), SOCK_DGRAM, "10.6.0.9", 4000));
    const auto reaches = [&](const UniqueFd& server) -> Result<bool> {
      const SocketAddress to(ip("10.6.0.1"), 5353);
      char byte = 'q';
      if (::sendto(client.get(), &byte, 1, 0, to.get(), to.size()) != 1) return sys_fail("sendto");
      return TRY(readable(server.get(), 1000)) && ::recv(server.get(), &byte, 1, 0) == 1;
    };
    PodPorts ports(pod_id());
    TRY(ports.begin({prefix("10.5.0.2/24")}, kTarget()));
    TRY(ports.add("app", {dns}));
    CHECK(TRY(reaches(old_owner)));
    TRY(ports.remove("app"));
    {
      const UniqueFd owner = TRY(world.serve(world.host(), SOCK_DGRAM, "0.0.0.0", 5353));
      CHECK(TRY(reaches(owner)));
    }
    TRY(ports.add("app", {dns}));
    CHECK(TRY(reaches(old_owner)));
    TRY(ports.end());
    const UniqueFd owner = TRY(world.serve(world.host(), SOCK_DGRAM, "0.0.0.0", 5353));
    CHECK(TRY(reaches(owner)));
    return {};
  });
}

TEST_F(PodPortsTest, OnAnAddressOfAVersionThatThePodLacks) {
  in_world([](const World&) -> Result<> {
    PodPorts ports(pod_id());
    TRY(ports.begin({}, {.v4 = prefix("10.5.0.2/24")}));
    CHECK_EQ(
        ports.add("app", {tcp(8081, 80, "fd06::1")}).error().message(),
        "port tcp-[fd06::1]:8081 cannot be forwarded: no network of the pod has given it an IPv6 address");
    CHECK(!ports.add("app", {tcp(8081, 80, "::")}));
    TRY(ports.add("app", {tcp(8081, 80), tcp(8082, 80, "0.0.0.0")}));
    TRY(ports.end());
    PodPorts other(pod_id());
    TRY(other.add("", {tcp(8081, 80, "0.0.0.0")}));
    CHECK_EQ(other.begin({}, {.v6 = prefix("fd05::2/64")}).error().message(),
             "port tcp-0.0.0.0:8081 cannot be forwarded: no network of the pod has given it an IPv4 address");
    return other.end();
  });
}

TEST_F(PodPortsTest, ThePodThatHadPortsIsKeptFromTheLoopback) {
  in_world([](const World& world) -> Result<> {
    TRY(send_loopback_to_the_host(world));
    const UniqueFd secret = TRY(world.serve(world.host(), SOCK_STREAM, "127.0.0.1", 631));
    PodPorts ports(pod_id());
    TRY(ports.begin({}, kTarget()));
    TRY(ports.add("app", {tcp(8081, 80)}));
    TRY(ports.remove("app"));
    CHECK_EQ(TRY(world.visit(world.pod(), "127.0.0.1", 631, secret, SOCK_STREAM, 1)), "lost");
    return ports.end();
  });
}

}  // namespace
}  // namespace agena::stage1
