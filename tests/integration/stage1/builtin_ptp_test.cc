// The built-in point-to-point network beside the plugins of the containernetworking-plugins package: results,
// addresses, routes and files must be the same, and either must undo what the other did. Every test is a
// child process that has left the machine's network and mount namespaces.
#include "stage1/net/builtin_ptp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/namespaces.h"
#include "common/sys/rtnetlink.h"
#include "common/sys/spawn.h"
#include "stage1/net/builtin_conf.h"
#include "stage1/net/cni_plugin.h"
#include "stage1/net/host_local.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

constexpr const char* kPlugins = "/usr/lib/cni";
constexpr const char* kPod = "11111111-2222-4333-8444-555555555555";

const char* kDefault = R"({"cniVersion": "0.3.1", "name": "NET", "type": "ptp", "ipMasq": true, "ipam":
  {"type": "host-local", "dataDir": "DIR", "subnet": "172.16.28.0/24", "routes": [{"dst": "0.0.0.0/0"}]}})";
const char* kRestricted = R"({"name": "NET", "type": "ptp", "ipam":
  {"type": "host-local", "dataDir": "DIR", "subnet": "172.31.0.0/16"}})";
const char* kDual = R"({"cniVersion": "1.0.0", "name": "NET", "plugins": [{"type": "ptp", "mtu": 1400,
  "dns": {"nameservers": ["10.0.0.53"], "search": ["a.b"], "domain": "a.b", "options": ["ndots:2"]},
  "capabilities": {"ips": true}, "ipam": {"type": "host-local", "dataDir": "DIR",
  "ranges": [[{"subnet": "10.7.0.0/16", "rangeStart": "10.7.1.5", "rangeEnd": "10.7.1.6", "gateway": "10.7.255.254"},
              {"subnet": "10.8.0.0/30"}], [{"subnet": "fd00:7::/64"}]],
  "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "192.168.0.0/16", "gw": "10.7.3.3"}]}}]})";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

// A network namespace of a pod, held by its descriptor alone.
class PodNamespace {
 public:
  static Result<PodNamespace> make() {
    const sys::UniqueFd home = TRY(sys::open_at(sys::at_cwd(), "/proc/self/ns/net", O_RDONLY));
    TRY(sys::unshare_namespaces(CLONE_NEWNET));
    PodNamespace made(TRY(sys::open_at(sys::at_cwd(), "/proc/self/ns/net", O_RDONLY)));
    if (::setns(home.get(), CLONE_NEWNET) != 0) return sys_fail("going back");
    return made;
  }
  int fd() const { return fd_.get(); }
  std::string path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd_.get()); }

 private:
  explicit PodNamespace(sys::UniqueFd fd) : fd_(std::move(fd)) {}
  sys::UniqueFd fd_;
};

Result<> check(bool holds, const std::string& what) {
  if (holds) return {};
  return fail(ErrorKind::kInternal, "not so: {}", what);
}
#define CHECK(condition) TRY(check((condition), #condition))
#define CHECK_SAME(one, other)                                                                             \
  do {                                                                                                     \
    const std::string one_text = one, other_text = other;                                                  \
    TRY(check(one_text == other_text, std::string(#one " is\n") + one_text + "\nand not\n" + other_text)); \
  } while (false)

class BuiltInPtp : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "network namespaces need root";
    if (::access((std::string(kPlugins) + "/ptp").c_str(), X_OK) != 0)
      GTEST_SKIP() << "the package containernetworking-plugins is not installed";
  }

  // Runs the body in a child with namespaces of its own; its first complaint fails the test.
  void in_lab(const std::function<Result<>()>& body) {
    sys::Pipe pipe = sys::make_pipe().value();
    auto child = sys::fork_child([&] {
      const auto done = [&]() -> Result<> {
        TRY(sys::enter_private_mount_namespace());
        TRY(sys::unshare_namespaces(CLONE_NEWNET));
        TRY(sys::bring_loopback_up());
        return body();
      }();
      if (!done) (void)sys::write_all(pipe.write.get(), done.error().to_string());
      return done ? 0 : 1;
    });
    ASSERT_TRUE(child);
    pipe.write.reset();
    EXPECT_EQ(sys::read_all(pipe.read.get()).value(), "");
    EXPECT_TRUE(child->wait().value().success());
  }

  std::string data_dir(const std::string& which) const { return top_.path() + "/" + which; }

  Attachment attachment(const char* conf, const std::string& which, const std::string& args = "",
                        const std::string& pod = kPod) const {
    const std::string text = replaced(replaced(conf, "DIR", data_dir(which)), "NET", "net1");
    Attachment result;
    result.conf = parse_net_conf(text, "/etc/net.d/10-net1.conf").value();
    result.interface = "eth0";
    result.args = args;
    result.container_id = pod;
    result.plugin_dirs = {"/nowhere", kPlugins};
    return result;
  }

  // Names, contents and modes of all files of a network.
  Result<std::string> files(const std::string& which) const {
    std::string text;
    const sys::DirFd dir = TRY(sys::open_dir(data_dir(which) + "/net1"));
    for (const std::string& name : TRY(sys::list_dir(dir))) {
      const auto st = TRY(sys::stat_at(dir, name));
      text += fmt::format("{} {:o} {}\n", name, st.st_mode, printable(TRY(sys::read_file(dir, name))));
    }
    return text;
  }

  test::TempDir top_;
};

// The result without what differs from one call to the next.
Result<std::string> comparable(const Attachment& attachment, CniResult result) {
  result.text.clear();
  // Old versions tell no interfaces.
  if (!is_at_least(attachment.conf.cni_version, "0.3.0"))
    return render_cni_result(result, attachment.conf.cni_version);
  CHECK(result.interfaces.size() == 2);
  CHECK(result.interfaces[0].name.starts_with("veth") && result.interfaces[0].name.size() == 12);
  CHECK(sys::parse_mac(result.interfaces[0].mac) && sys::parse_mac(result.interfaces[1].mac));
  CHECK(result.interfaces[1].sandbox.starts_with("/proc/"));
  result.interfaces[0].name = "HOST";
  result.interfaces[0].mac = result.interfaces[1].mac = "MAC";
  result.interfaces[1].sandbox = "SANDBOX";
  return render_cni_result(result, attachment.conf.cni_version);
}

// Interfaces, addresses and routes of a namespace as text, without what the kernel makes of hardware
// addresses.
Result<std::string> network_of(sys::RouteNetlink netlink) {
  std::string text;
  std::map<int, std::string> names;
  for (const sys::Link& link : TRY(netlink.links())) {
    names[link.index] = link.kind == "veth" && link.name.starts_with("veth") ? "HOST" : link.name;
    text += fmt::format("{} {} {} {}\n", names[link.index], link.kind, link.mtu, link.up);
  }
  for (const auto& address : TRY(netlink.addresses()))
    if (!address.prefix.address.is_link_local())
      text += fmt::format("{} on {}\n", address.prefix.to_string(), names[address.index]);
  std::vector<std::string> routes;
  for (const sys::Route& route : TRY(netlink.routes()))
    if (!route.destination.address.is_link_local())
      routes.push_back(
          fmt::format("{} via {} dev {} src {} scope {} metric {}\n", route.destination.to_string(),
                      route.gateway ? route.gateway->to_string() : "-", names[route.interface],
                      route.source ? route.source->to_string() : "-", route.scope, route.metric));
  std::ranges::sort(routes);
  return text + join(routes, "");
}

TEST_F(BuiltInPtp, DoesWhatThePluginsDo) {
  struct Row {
    const char* conf;
    const char* args;
    const char* runtime;
  };
  for (const Row& row : {Row{kDefault, "", ""}, Row{kDefault, "IP=172.16.28.77", ""},
                         Row{kRestricted, "", ""}, Row{kDual, "", ""}, Row{kDual, "IP=10.7.1.6", ""},
                         Row{kDual, "", R"({"ips": ["10.7.1.6", "fd00:7::99"]})"}}) {
    SCOPED_TRACE(fmt::format("{} {} {}", row.conf, row.args, row.runtime));
    // Same directory for both, one after the other: its path is in nothing that is compared.
    std::string plugins_result, plugins_pod, plugins_host, plugins_files;
    const auto round = [&](bool built_in) {
      in_lab([&]() -> Result<> {
        Attachment a = attachment(row.conf, built_in ? "ours" : "theirs", row.args);
        a.runtime_config = row.runtime;
        const PodNamespace pod = TRY(PodNamespace::make());
        CHECK(is_built_in(a));
        const CniResult result = TRY(built_in ? attach_built_in(a, pod.path()) : attach(a, pod.path()));
        sys::RouteNetlink inside = TRY(sys::RouteNetlink::open_in(pod.fd()));
        const std::string text = TRY(comparable(a, result)) + "\n--\n" + TRY(network_of(std::move(inside))) +
                                 "--\n" + TRY(network_of(TRY(sys::RouteNetlink::open()))) + "--\n" +
                                 TRY(files(built_in ? "ours" : "theirs")) +
                                 TRY(sys::read_file(sys::at_cwd(), "/proc/sys/net/ipv4/ip_forward"));
        return sys::replace_file(top_.dir(), built_in ? "ours.txt" : "theirs.txt", text);
      });
      sys::remove_tree(top_.dir(), built_in ? "ours" : "theirs").value();
    };
    round(false);
    round(true);
    EXPECT_EQ(sys::read_file(top_.dir(), "ours.txt").value(),
              sys::read_file(top_.dir(), "theirs.txt").value());
  }
}

TEST_F(BuiltInPtp, EitherUndoesWhatTheOtherDid) {
  for (const char* conf : {kDefault, kDual})
    for (const bool built_in_first : {false, true})
      for (const bool with_namespace : {false, true}) {
        SCOPED_TRACE(fmt::format("{} {} {}", conf, built_in_first, with_namespace));
        in_lab([&]() -> Result<> {
          // Rules of the plugin are the plugin's to undo.
          const Attachment a =
              attachment(replaced(conf, "\"ipMasq\": true", "\"ipMasq\": false").c_str(), "both");
          auto pod = std::optional(TRY(PodNamespace::make()));
          const CniResult result =
              TRY(built_in_first ? attach_built_in(a, pod->path()) : attach(a, pod->path()));
          auto host = TRY(sys::RouteNetlink::open());
          CHECK(TRY(host.links()).size() == 2);
          const std::optional<std::string> path = with_namespace ? std::optional(pod->path()) : std::nullopt;
          if (!with_namespace) pod.reset();
          TRY(built_in_first ? detach(a, result, path) : detach_built_in(a, result, path));
          // Without the namespace it is the kernel that takes the interface away, in its own time.
          for (int i = 0; i < 200 && TRY(host.links()).size() > 1; ++i) ::usleep(20'000);
          CHECK(TRY(host.links()).size() == 1);
          for (const std::string& name : TRY(sys::list_dir(sys::at_cwd(), data_dir("both") + "/net1")))
            CHECK(name == "lock" || name.starts_with("last_reserved_ip."));
          // Once more, and by the other: nothing left to do is fine.
          TRY(detach_built_in(a, result, path));
          TRY(detach(a, result, path));
          return {};
        });
        sys::remove_tree(top_.dir(), "both").value();
      }
}

TEST_F(BuiltInPtp, TheOtherSideTakesTheNextAddress) {
  in_lab([&]() -> Result<> {
    std::vector<std::string> given;
    std::vector<PodNamespace> pods;
    for (int i = 0; i < 6; ++i) {
      const Attachment a = attachment(kDefault, "mixed", "", fmt::format("pod-{}", i));
      pods.push_back(TRY(PodNamespace::make()));
      const CniResult result =
          TRY(i % 2 == 0 ? attach_built_in(a, pods.back().path()) : attach(a, pods.back().path()));
      given.push_back(result.ips.at(0).address.address.to_string());
    }
    CHECK_SAME(join(given, " "), "172.16.28.2 172.16.28.3 172.16.28.4 172.16.28.5 172.16.28.6 172.16.28.7");
    return {};
  });
}

TEST_F(BuiltInPtp, AFailureLeavesNothing) {
  in_lab([&]() -> Result<> {
    const Attachment a = attachment(kDual, "broken");
    const PodNamespace pod = TRY(PodNamespace::make());
    // Taken in the pod: the kernel refuses the second one of that name.
    auto inside = TRY(sys::RouteNetlink::open_in(pod.fd()));
    TRY(inside.add_veth({.name = "eth0"}, {.name = "other"}));
    const auto failed = attach_built_in(a, pod.path());
    CHECK_SAME(failed.error().to_string(), "the pod has an interface 'eth0' already");
    TRY(inside.delete_link(TRY(inside.index_of("eth0"))));
    // A route that leads nowhere fails after the interfaces were made.
    const Attachment bad = attachment(replaced(kDual, "10.7.3.3", "192.0.2.9").c_str(), "broken");
    const auto unreachable = attach_built_in(bad, pod.path());
    CHECK(unreachable.error().to_string().starts_with(
        "the pod's side 'eth0': adding the route to 192.168.0.0/16: "));
    CHECK(TRY(TRY(sys::RouteNetlink::open()).links()).size() == 1 && TRY(inside.links()).size() == 1);
    for (const std::string& name : TRY(sys::list_dir(sys::at_cwd(), data_dir("broken") + "/net1")))
      CHECK(name == "lock" || name.starts_with("last_reserved_ip."));
    CHECK(attach_built_in(a, "/proc/self/fd/99999")
              .error()
              .to_string()
              .starts_with("network namespace of the pod: "));
    return {};
  });
}

TEST_F(BuiltInPtp, IsFoundWithoutItsNamespace) {
  in_lab([&]() -> Result<> {
    const Attachment a = attachment(kDefault, "kept");
    const Attachment other = attachment(kDefault, "kept", "", "22222222-2222-4333-8444-555555555555");
    const PodNamespace pod = TRY(PodNamespace::make());
    const PodNamespace others = TRY(PodNamespace::make());
    TRY(attach_built_in(a, pod.path()));
    const CniResult stays = TRY(attach_built_in(other, others.path()));
    // Killed before the result was put on record, and somebody keeps the namespace.
    TRY(detach_built_in(a, std::nullopt, std::nullopt));
    const auto links = TRY(TRY(sys::RouteNetlink::open()).links());
    CHECK(links.size() == 2 && links[1].name == stays.interfaces.at(0).name);
    CHECK(TRY(TRY(sys::RouteNetlink::open_in(pod.fd())).links()).size() == 1);
    CHECK(!TRY(sys::exists(sys::at_cwd(), data_dir("kept") + "/net1/172.16.28.2")));
    CHECK(TRY(sys::exists(sys::at_cwd(), data_dir("kept") + "/net1/172.16.28.3")));
    // A namespace that is told, but gone.
    TRY(detach_built_in(other, stays, "/proc/self/fd/99999"));
    CHECK(TRY(TRY(sys::RouteNetlink::open()).links()).size() == 1);
    return {};
  });
}

TEST_F(BuiltInPtp, WhateverThePodDidToItsInterface) {
  in_lab([&]() -> Result<> {
    const Attachment a = attachment(kDefault, "renamed");
    const PodNamespace pod = TRY(PodNamespace::make());
    const CniResult result = TRY(attach_built_in(a, pod.path()));
    auto inside = TRY(sys::RouteNetlink::open_in(pod.fd()));
    const int eth0 = TRY(inside.index_of("eth0"));
    TRY(inside.set_up(eth0, false));
    TRY(inside.rename(eth0, "mine"));
    TRY(inside.add_veth({.name = "eth0"}, {.name = "other"}));
    TRY(detach_built_in(a, result, pod.path()));
    CHECK(inside.link("mine").error().kind() == ErrorKind::kNotFound && inside.link("eth0"));
    CHECK(TRY(TRY(sys::RouteNetlink::open()).links()).size() == 1);
    CHECK(!TRY(sys::exists(sys::at_cwd(), data_dir("renamed") + "/net1/172.16.28.2")));
    return {};
  });
}

// Several of ours and of the plugins at a time: each address is given once.
TEST_F(BuiltInPtp, SharesReservationsWithThePlugin) {
  constexpr int kOurs = 4;
  constexpr int kTheirs = 3;
  constexpr int kEach = 8;
  const Attachment model = attachment(kDefault, "raced");
  const HostLocalConf conf = read_ptp_conf(model.conf, "", "").value().ipam;
  std::vector<sys::Child> children;
  const auto start = [&](int number, const std::function<Result<>(const std::string&)>& reserve) {
    auto child = sys::fork_child([&] {
      for (int i = 0; i < kEach; ++i)
        if (const auto done = reserve(fmt::format("pod-{}-{}", number, i)); !done) {
          fmt::print(stderr, "{}\n", done.error().to_string());
          return 1;
        }
      return 0;
    });
    ASSERT_TRUE(child);
    children.push_back(*std::move(child));
  };
  for (int number = 0; number < kOurs; ++number)
    start(number, [&](const std::string& pod) -> Result<> {
      TRY(reserve_addresses(conf, pod, "eth0"));
      return {};
    });
  for (int number = kOurs; number < kOurs + kTheirs; ++number)
    start(number, [&](const std::string& pod) -> Result<> {
      TRY(call_plugin({.command = "ADD",
                       .type = "host-local",
                       .conf = model.conf.text,
                       .container_id = pod,
                       .netns = "/proc/self/ns/net",
                       .interface = "eth0",
                       .dirs = {kPlugins}}));
      return {};
    });
  for (sys::Child& child : children) EXPECT_TRUE(child.wait().value().success());
  std::set<std::string> owners;
  std::size_t count = 0;
  const auto names = sys::list_dir(sys::at_cwd(), data_dir("raced") + "/net1").value();
  for (const std::string& name : names) {
    if (!IpAddress::parse(name)) continue;
    ++count;
    owners.insert(sys::read_file(sys::at_cwd(), data_dir("raced") + "/net1/" + name).value());
  }
  EXPECT_EQ(count, static_cast<std::size_t>((kOurs + kTheirs) * kEach));
  EXPECT_EQ(owners.size(), count);
}

TEST_F(BuiltInPtp, ExhaustedRangesAreToldInThePluginsWords) {
  const char* tiny = R"({"cniVersion": "0.4.0", "name": "NET", "type": "ptp", "ipam":
    {"type": "host-local", "dataDir": "DIR", "subnet": "10.1.0.0/29", "rangeStart": "10.1.0.4", "rangeEnd": "10.1.0.5"}})";
  const Attachment model = attachment(tiny, "tiny");
  const HostLocalConf conf = read_ptp_conf(model.conf, "", "").value().ipam;
  for (const char* pod : {"a", "b"}) EXPECT_TRUE(test::ok(reserve_addresses(conf, pod, "eth0")));
  const auto ours = reserve_addresses(conf, "c", "eth0");
  const auto theirs = call_plugin({.command = "ADD",
                                   .type = "host-local",
                                   .conf = model.conf.text,
                                   .container_id = "d",
                                   .netns = "/proc/self/ns/net",
                                   .interface = "eth0",
                                   .dirs = {kPlugins}});
  ASSERT_FALSE(ours || theirs);
  EXPECT_EQ(ours.error().message(), "no IP addresses available in range set: 10.1.0.4-10.1.0.5");
  EXPECT_TRUE(theirs.error().to_string().contains(ours.error().message())) << theirs.error().to_string();
}

TEST_F(BuiltInPtp, FirstOfTwoDefaultRoutesCounts) {
  in_lab([&]() -> Result<> {
    const char* another = R"({"cniVersion": "0.3.1", "name": "other", "type": "ptp", "ipam":
      {"type": "host-local", "dataDir": "DIR", "subnet": "10.8.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]}})";
    const PodNamespace pod = TRY(PodNamespace::make());
    TRY(attach_built_in(attachment(kDefault, "first"), pod.path()));
    Attachment second = attachment(another, "second");
    second.interface = "eth1";
    TRY(attach_built_in(second, pod.path()));
    auto netlink = TRY(sys::RouteNetlink::open_in(pod.fd()));
    const int first = TRY(netlink.index_of("eth0"));
    int defaults = 0;
    for (const sys::Route& route : TRY(netlink.routes())) {
      if (route.destination.length != 0) continue;
      CHECK(route.interface == first);
      ++defaults;
    }
    CHECK(defaults == 1);
    return {};
  });
}

// Says on an interface of a namespace that here is a router for all (RFC 4861, 4.2), as any program with
// CAP_NET_RAW can.
Result<> advertise_router(const PodNamespace& where, const std::string& interface) {
  return sys::in_network_namespace(where.fd(), [&]() -> Result<> {
    const sys::UniqueFd socket(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
    constexpr int kHops = 255;
    if (!socket || ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &kHops, sizeof kHops) != 0)
      return sys_fail("socket of the router");
    nd_router_advert advert{};
    advert.nd_ra_type = ND_ROUTER_ADVERT;
    advert.nd_ra_curhoplimit = 64;
    advert.nd_ra_router_lifetime = htons(1800);
    sockaddr_in6 all{};
    all.sin6_family = AF_INET6;
    if (::inet_pton(AF_INET6, "ff02::1", &all.sin6_addr) != 1) return sys_fail("address of all");
    all.sin6_scope_id = ::if_nametoindex(interface.c_str());
    // The kernel takes a moment to give an interface its link-local address.
    for (int i = 0; i < 500; ++i) {
      const auto sent = ::sendto(socket.get(), &advert, sizeof advert, 0,
                                 reinterpret_cast<const sockaddr*>(&all), sizeof all);
      if (sent >= 0) return {};
      if (errno != EADDRNOTAVAIL) break;
      ::usleep(10'000);
    }
    return sys_fail("advertising the router");
  });
}

// Names of the interfaces that IPv6 default routes of this namespace lead to.
Result<std::string> default_ways() {
  auto host = TRY(sys::RouteNetlink::open());
  std::string names;
  for (const sys::Route& route : TRY(host.routes()))
    if (route.destination.address.is_v6() && route.destination.length == 0)
      names += TRY(host.link(route.interface)).name + " ";
  return names;
}

// Until the host has taken the route, which it does when its interface has a moment's peace.
Result<std::string> ways_after_advertising(const PodNamespace& router, const std::string& interface) {
  std::string ways;
  for (int i = 0; i < 200 && ways.empty(); ++i) {
    TRY(advertise_router(router, interface));
    ::usleep(20'000);
    ways = TRY(default_ways());
  }
  return ways;
}

// Link-local addresses can be used at once.
Result<> spare_duplicate_detection() {
  for (const char* which : {"all", "default"}) {
    const std::string path = fmt::format("/proc/sys/net/ipv6/conf/{}/accept_dad", which);
    const sys::UniqueFd setting = TRY(sys::open_at(sys::at_cwd(), path, O_WRONLY));
    TRY(sys::write_all(setting.get(), "0"));
  }
  return {};
}

// A host whose way into the world a router has told it, by its interface lan0.
Result<PodNamespace> connect_router() {
  TRY(spare_duplicate_detection());
  PodNamespace router = TRY(PodNamespace::make());
  TRY(sys::in_network_namespace(router.fd(), spare_duplicate_detection));
  auto host = TRY(sys::RouteNetlink::open());
  auto beyond = TRY(sys::RouteNetlink::open_in(router.fd()));
  TRY(host.add_veth({.name = "lan0"}, {.name = "lan0", .netns = router.fd()}));
  TRY(host.set_up(TRY(host.index_of("lan0"))));
  TRY(beyond.set_up(TRY(beyond.index_of("lan0"))));
  return router;
}

TEST_F(BuiltInPtp, NoPodIsARouterOfTheHosts) {
  in_lab([&]() -> Result<> {
    const PodNamespace router = TRY(connect_router());
    for (const char* conf : {kDefault, kRestricted, kDual}) {
      const PodNamespace pod = TRY(PodNamespace::make());
      TRY(sys::in_network_namespace(pod.fd(), spare_duplicate_detection));
      const Attachment a = attachment(conf, "quiet");
      const CniResult result = TRY(attach_built_in(a, pod.path()));
      for (int i = 0; i < 20; ++i) {
        TRY(advertise_router(pod, "eth0"));
        ::usleep(10'000);
      }
      CHECK_SAME(TRY(default_ways()), "");
      const std::string settings = "/proc/sys/net/ipv6/conf/" + result.interfaces.at(0).name;
      CHECK_SAME(TRY(sys::read_file(sys::at_cwd(), settings + "/accept_ra")), "0\n");
      TRY(detach_built_in(a, result, pod.path()));
      // Once it forwards IPv6, the host has another reason.
      if (conf == kDual) continue;
      // What is refused there does work elsewhere.
      CHECK_SAME(TRY(ways_after_advertising(router, "lan0")), "lan0 ");
      auto host = TRY(sys::RouteNetlink::open());
      TRY(host.delete_route(
          {.destination = TRY(IpPrefix::parse("::/0")), .interface = TRY(host.index_of("lan0"))}));
    }
    return {};
  });
}

TEST_F(BuiltInPtp, TheHostKeepsTheRoutesThatRoutersTellIt) {
  in_lab([&]() -> Result<> {
    const PodNamespace router = TRY(connect_router());
    CHECK_SAME(TRY(ways_after_advertising(router, "lan0")), "lan0 ");
    const PodNamespace pod = TRY(PodNamespace::make());
    TRY(attach_built_in(attachment(kDual, "told"), pod.path()));
    CHECK_SAME(TRY(sys::read_file(sys::at_cwd(), "/proc/sys/net/ipv6/conf/all/forwarding")), "1\n");
    CHECK_SAME(TRY(default_ways()), "lan0 ");
    // And listens on.
    auto host = TRY(sys::RouteNetlink::open());
    TRY(host.delete_route(
        {.destination = TRY(IpPrefix::parse("::/0")), .interface = TRY(host.index_of("lan0"))}));
    CHECK_SAME(TRY(default_ways()), "");
    CHECK_SAME(TRY(ways_after_advertising(router, "lan0")), "lan0 ");
    return {};
  });
}

TEST_F(BuiltInPtp, PodsReachTheHostAndEachOther) {
  in_lab([&]() -> Result<> {
    const PodNamespace one = TRY(PodNamespace::make());
    const PodNamespace two = TRY(PodNamespace::make());
    const CniResult first = TRY(attach_built_in(attachment(kDual, "talk", "", "one"), one.path()));
    // Otherwise the first seconds would be without IPv6 from elsewhere.
    const std::string settings = "/proc/sys/net/ipv6/conf/" + first.interfaces.at(0).name;
    CHECK(TRY(sys::read_file(sys::at_cwd(), settings + "/accept_dad")) == "0\n");
    CHECK(TRY(sys::read_file(sys::at_cwd(), settings + "/accept_ra")) == "0\n");
    TRY(attach_built_in(attachment(kDual, "talk", "", "two"), two.path()));
    TRY(sys::in_network_namespace(one.fd(), [] { return sys::bring_loopback_up(); }));
    const auto ping = [](const PodNamespace& from, const char* to) -> Result<> {
      return sys::in_network_namespace(from.fd(), [&]() -> Result<> {
        sys::SpawnPlan plan;
        plan.path = "/usr/bin/ping";
        plan.argv = {"ping", "-c1", "-W5", "-q", to};
        const sys::UniqueFd null = TRY(sys::open_at(sys::at_cwd(), "/dev/null", O_RDWR));
        plan.fds = {{null.get(), 1}};
        auto child = TRY(sys::spawn(plan));
        return check(TRY(child.wait()).success(), std::string("reached ") + to);
      });
    };
    if (::access("/usr/bin/ping", X_OK) != 0) return {};
    for (const char* address : {"10.7.255.254", "10.7.1.6", "fd00:7::1", "fd00:7::3"})
      TRY(ping(one, address));
    TRY(ping(two, "10.7.1.5"));
    return {};
  });
}

}  // namespace
}  // namespace agena::stage1
