// Interfaces, addresses and routes in network namespaces that the test makes: every test runs in a process of
// its own that has left the machine's.
#include "common/sys/rtnetlink.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "common/sys/fs.h"
#include "common/sys/namespaces.h"
#include "common/sys/spawn.h"

namespace agena::sys {
namespace {

IpPrefix prefix(const char* text) { return IpPrefix::parse(text).value(); }
IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

// Runs the body in a child with a network namespace of its own; its first complaint fails the test.
void in_new_namespace(const std::function<Result<>()>& body) {
  Pipe pipe = make_pipe().value();
  auto child = fork_child([&] {
    const auto done = [&]() -> Result<> {
      TRY(unshare_namespaces(CLONE_NEWNET));
      return body();
    }();
    if (!done) (void)write_all(pipe.write.get(), done.error().to_string());
    return done ? 0 : 1;
  });
  ASSERT_TRUE(child);
  pipe.write.reset();
  EXPECT_EQ(read_all(pipe.read.get()).value(), "");
  EXPECT_TRUE(child->wait().value().success());
}

// `check(condition, "what")`: an error that tells what does not hold.
Result<> check(bool holds, const char* what) {
  if (holds) return {};
  return fail(ErrorKind::kInternal, "not so: {}", what);
}
#define CHECK(condition) TRY(check((condition), #condition))

// A second network namespace, held by its descriptor alone; the caller stays in its own.
Result<UniqueFd> second_namespace() {
  const UniqueFd home = TRY(open_at(at_cwd(), "/proc/self/ns/net", O_RDONLY));
  TRY(unshare_namespaces(CLONE_NEWNET));
  UniqueFd made = TRY(open_at(at_cwd(), "/proc/self/ns/net", O_RDONLY));
  if (::setns(home.get(), CLONE_NEWNET) != 0) return sys_fail("going back");
  return made;
}

TEST(RouteNetlink, MakesAVethPairAcrossNamespaces) {
  in_new_namespace([]() -> Result<> {
    const UniqueFd pod = TRY(second_namespace());
    auto here = TRY(RouteNetlink::open());
    auto there = TRY(RouteNetlink::open_in(pod.get()));
    TRY(here.add_veth({.name = "host-end"}, {.name = "eth0", .mac = "02:42:0a:00:00:05", .netns = pod.get()},
                      1400));
    const Link host = TRY(here.link("host-end"));
    const Link eth0 = TRY(there.link("eth0"));
    CHECK(eth0.mac == "02:42:0a:00:00:05" && eth0.mtu == 1400 && host.mtu == 1400 && eth0.kind == "veth");
    CHECK(host.peer_index == eth0.index && host.peer_namespace_id.has_value() &&
          eth0.peer_index == host.index);
    CHECK(!host.up && !eth0.up);
    TRY(here.set_up(host.index));
    TRY(there.set_up(eth0.index));
    CHECK(TRY(here.link(host.index)).up && TRY(there.link(eth0.index)).up);
    CHECK(here.link("eth0").error().kind() == ErrorKind::kNotFound);
    CHECK(here.add_veth({.name = "host-end"}, {.name = "other"}).error().kind() == ErrorKind::kAlreadyExists);
    TRY(here.delete_link(host.index));
    CHECK(there.link("eth0").error().kind() == ErrorKind::kNotFound);
    CHECK(here.delete_link(host.index).error().kind() == ErrorKind::kNotFound);
    return {};
  });
}

TEST(RouteNetlink, ChangesInterfaces) {
  in_new_namespace([]() -> Result<> {
    const UniqueFd pod = TRY(second_namespace());
    auto here = TRY(RouteNetlink::open());
    TRY(here.add_veth({.name = "one"}, {.name = "other"}));
    const int one = TRY(here.index_of("one"));
    TRY(here.rename(one, "first"));
    TRY(here.set_mtu(one, 1280));
    TRY(here.set_mac(one, "02:00:00:00:00:01"));
    TRY(here.set_alias(one, "whose it is"));
    const Link link = TRY(here.link("first"));
    CHECK(link.alias == "whose it is" && !link.up);
    CHECK(TRY(here.links()).size() == 3);
    TRY(here.move_to(TRY(here.index_of("other")), pod.get()));
    CHECK(TRY(here.links()).size() == 2);
    CHECK(TRY(TRY(RouteNetlink::open_in(pod.get())).link("other")).peer_index == one);
    CHECK(here.rename(one, "a/b").error().kind() == ErrorKind::kInvalidInput);
    CHECK(here.set_mtu(one, 1).error().to_string().starts_with("setting the MTU of interface number"));
    return {};
  });
}

TEST(RouteNetlink, GivesAddressesOfBothVersions) {
  in_new_namespace([]() -> Result<> {
    auto here = TRY(RouteNetlink::open());
    TRY(here.add_veth({.name = "one"}, {.name = "other"}));
    const int one = TRY(here.index_of("one"));
    TRY(here.set_up(one));
    TRY(here.set_up(TRY(here.index_of("other"))));
    TRY(here.add_address(one, prefix("2001:db8::5/64"), false));
    TRY(here.add_address(one, prefix("10.9.0.5/24")));
    CHECK(here.add_address(one, prefix("10.9.0.5/24")).error().kind() == ErrorKind::kAlreadyExists);
    const auto addresses = TRY(here.addresses(one));
    CHECK(addresses.size() >= 2 && addresses[0].prefix == prefix("10.9.0.5/24"));
    bool found = false;
    for (const auto& address : addresses)
      if (address.prefix == prefix("2001:db8::5/64")) found = !address.tentative;
    CHECK(found);
    TRY(here.add_address(one, prefix("2001:db8::6/64")));
    TRY(here.settle_addresses(one, 10 * kSecond));
    TRY(here.delete_address(one, prefix("10.9.0.5/24")));
    for (const auto& address : TRY(here.addresses(one))) CHECK(address.prefix.address.is_v6());
    for (const auto& address : TRY(here.addresses(one))) CHECK(!address.tentative);
    return {};
  });
}

TEST(RouteNetlink, AddressesThatOthersHaveDoNotSettle) {
  in_new_namespace([]() -> Result<> {
    const UniqueFd pod = TRY(second_namespace());
    auto here = TRY(RouteNetlink::open());
    auto there = TRY(RouteNetlink::open_in(pod.get()));
    TRY(here.add_veth({.name = "one"}, {.name = "other", .netns = pod.get()}));
    const int one = TRY(here.index_of("one"));
    const int other = TRY(there.index_of("other"));
    TRY(here.set_up(one));
    TRY(there.set_up(other));
    TRY(there.add_address(other, prefix("2001:db8::5/64"), false));
    TRY(there.settle_addresses(other, 10 * kSecond));
    TRY(here.add_address(one, prefix("2001:db8::5/64")));
    const auto settled = here.settle_addresses(one, 10 * kSecond);
    CHECK(!settled &&
          settled.error().message() == "another interface of the link has the address 2001:db8::5");
    return {};
  });
}

TEST(RouteNetlink, SetsRoutes) {
  in_new_namespace([]() -> Result<> {
    auto here = TRY(RouteNetlink::open());
    TRY(here.add_veth({.name = "one"}, {.name = "other"}));
    const int one = TRY(here.index_of("one"));
    TRY(here.set_up(one));
    TRY(here.set_up(TRY(here.index_of("other"))));
    TRY(here.add_address(one, prefix("10.9.0.5/24")));
    TRY(here.add_address(one, prefix("2001:db8::5/64"), false));
    const auto has = [&](const Route& wanted) -> Result<bool> {
      const auto routes = TRY(here.routes());
      return std::ranges::any_of(routes, [&](const Route& route) {
        return route.destination == wanted.destination && route.gateway == wanted.gateway &&
               route.interface == wanted.interface && route.source == wanted.source &&
               route.scope == wanted.scope;
      });
    };
    const Route standard{.destination = prefix("0.0.0.0/0"), .gateway = ip("10.9.0.1"), .interface = one};
    const Route direct{.destination = prefix("10.9.0.7/32"),
                       .interface = one,
                       .source = ip("10.9.0.5"),
                       .scope = RT_SCOPE_LINK};
    const Route six{.destination = prefix("::/0"), .gateway = ip("2001:db8::1"), .interface = one};
    for (const Route& route : {standard, direct, six}) {
      TRY(here.add_route(route));
      CHECK(TRY(has(route)));
      CHECK(here.add_route(route).error().kind() == ErrorKind::kAlreadyExists);
    }
    Route changed = standard;
    changed.gateway = ip("10.9.0.2");
    TRY(here.replace_route(changed));
    CHECK(TRY(has(changed)) && !TRY(has(standard)));
    for (const Route& route : {changed, direct, six}) {
      TRY(here.delete_route(route));
      CHECK(!TRY(has(route)));
    }
    CHECK(here.add_route({.destination = prefix("10.0.0.0/8"), .gateway = ip("::1")}).error().kind() ==
          ErrorKind::kInvalidInput);
    const auto unreachable =
        here.add_route({.destination = prefix("10.0.0.0/8"), .gateway = ip("192.0.2.1")});
    CHECK(
        unreachable.error().to_string().starts_with("adding the route to 10.0.0.0/8: the kernel refuses ("));
    return {};
  });
}

TEST(NetlinkSocket, ABatchNamesTheMessageThatFails) {
  in_new_namespace([]() -> Result<> {
    auto socket = TRY(NetlinkSocket::open(NETLINK_ROUTE));
    std::vector<NetlinkMessage> messages;
    for (const char* address : {"127.0.0.2/8", "127.0.0.3/8", "127.0.0.2/8", "127.0.0.4/8"}) {
      NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
      ifaddrmsg fixed{};
      fixed.ifa_family = AF_INET;
      fixed.ifa_prefixlen = 8;
      fixed.ifa_index = 1;
      messages.push_back(message.fixed(fixed).address(IFA_LOCAL, prefix(address).address));
    }
    std::size_t failed_at = 99;
    const auto sent = socket.batch(messages, &failed_at);
    CHECK(!sent && sent.error().sys_errno() == EEXIST && failed_at == 2);
    // What is left of the answers disturbs nobody.
    CHECK(TRY(socket.dump(NetlinkMessage(RTM_GETADDR).fixed(ifaddrmsg{}))).size() >= 3);
    TRY(socket.batch(std::span(messages).subspan(3)).error().sys_errno() == EEXIST
            ? Result<>()
            : check(false, "the fourth was carried out"));
    return {};
  });
}

TEST(NetlinkSocket, LargeListsAreReadWhole) {
  in_new_namespace([]() -> Result<> {
    auto here = TRY(RouteNetlink::open());
    constexpr int kMany = 600;
    IpAddress address = ip("127.1.0.1");
    for (int i = 0; i < kMany; ++i, address = *address.next()) TRY(here.add_address(1, {address, 8}));
    CHECK(TRY(here.addresses(1)).size() == kMany);
    return {};
  });
}

}  // namespace
}  // namespace agena::sys
