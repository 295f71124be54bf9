// Networks by the CNI project's plugins, in namespaces that the test makes: whatever a chain of them makes is
// gone after detach(), with the pod's namespace, without it, and without a result.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>

#include "common/base/strings.h"
#include "common/sys/fs.h"
#include "common/sys/namespaces.h"
#include "common/sys/rtnetlink.h"
#include "common/sys/spawn.h"
#include "stage1/net/attachment.h"
#include "stage1/net/capabilities.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

constexpr const char* kPlugins = "/usr/lib/cni";
constexpr const char* kRanges =
    R"("ranges":[[{"subnet":"10.77.0.0/24"}],[{"subnet":"fd00:77::/64"}]],"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}])";

Result<> check(bool holds, const std::string& what) {
  if (holds) return {};
  return fail(ErrorKind::kInternal, "not so: {}", what);
}

// Of a new network namespace: its loopback interface is up, and IPv6 addresses can be used at once: plugins
// wait for them.
Result<> furnish() {
  TRY(sys::bring_loopback_up());
  for (const char* scope : {"all", "default"}) {
    const auto file = TRY(
        sys::open_at(sys::at_cwd(), fmt::format("/proc/sys/net/ipv6/conf/{}/accept_dad", scope), O_WRONLY));
    TRY(sys::write_all(file.get(), "0"));
  }
  return {};
}

// Runs the body in a child with network and mount namespaces of its own and empty state of all plugins; its
// first complaint fails the test.
void on_a_host(const std::function<Result<>()>& body) {
  sys::Pipe pipe = sys::make_pipe().value();
  auto child = sys::fork_child([&] {
    const auto done = [&]() -> Result<> {
      TRY(sys::enter_private_mount_namespace());
      TRY(sys::unshare_namespaces(CLONE_NEWNET));
      TRY(furnish());
      for (const char* path : {"/var/lib/cni", "/run"}) {
        TRY(sys::make_dirs(sys::at_cwd(), path));
        if (::mount("lab", path, "tmpfs", 0, nullptr) != 0) return sys_fail("mounting on '{}'", path);
      }
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

std::string output_of(const std::string& command) {
  std::string text;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "re"), ::pclose);
  for (int c = std::fgetc(pipe.get()); c != EOF; c = std::fgetc(pipe.get())) text += static_cast<char>(c);
  return text;
}

// All that an attachment may leave on the host: links, routes, rules, files. What plugins keep for all pods
// alike (chains of no pod, the number of the last address) is not in it, if it was there before.
std::string listing() {
  return output_of(
      "ip -o link | sed 's/^[0-9]*: //; s/@.*//; s/:.*//' | sort; { ip -4 route; ip -6 route | grep -v "
      "^fe80; } | sed 's/ linkdown//'; "
      "for t in iptables ip6tables; do for n in nat filter; do $t -t $n -S | sort; done; done; "
      "find /var/lib/cni /run -type f ! -name 'last_reserved_ip*' ! -name lock ! -name xtables.lock | sort");
}

// A pod's network namespace; its descriptor keeps it.
Result<sys::UniqueFd> pod_namespace() {
  const sys::UniqueFd home = TRY(sys::open_at(sys::at_cwd(), "/proc/self/ns/net", O_RDONLY));
  TRY(sys::unshare_namespaces(CLONE_NEWNET));
  sys::UniqueFd made = TRY(sys::open_at(sys::at_cwd(), "/proc/self/ns/net", O_RDONLY));
  TRY(furnish());
  if (::setns(home.get(), CLONE_NEWNET) != 0) return sys_fail("going back");
  return made;
}

std::string path_of(const sys::UniqueFd& fd) { return fmt::format("/proc/{}/fd/{}", ::getpid(), fd.get()); }

// A network of each sort.
const std::string kPtp =
    fmt::format(R"({{"name":"lab","type":"ptp","ipMasq":true,"ipam":{{"type":"host-local",{}}}}})", kRanges);
const std::string kBridge = fmt::format(
    R"({{"name":"lab","type":"bridge","bridge":"br-lab","isGateway":true,"ipMasq":true,"hairpinMode":true,)"
    R"("ipam":{{"type":"host-local",{}}}}})",
    kRanges);
const std::string kMacvlan = fmt::format(
    R"({{"name":"lab","type":"macvlan","master":"wire","mode":"bridge","ipam":{{"type":"host-local",{}}}}})",
    kRanges);
const std::string kStatic =
    R"({"name":"lab","type":"ptp","ipMasq":true,"ipam":{"type":"static","addresses":[{"address":"10.78.0.2/24",)"
    R"("gateway":"10.78.0.1"},{"address":"fd00:78::2/64","gateway":"fd00:78::1"}]}})";
const std::string kChain = fmt::format(
    R"({{"name":"lab","plugins":[{{"type":"bridge","bridge":"br-lab","isGateway":true,"ipMasq":true,)"
    R"("ipam":{{"type":"host-local",{}}}}},{{"type":"tuning","mtu":1400,"sysctl":{{"net.ipv4.conf.eth0.arp_filter":"1"}}}},)"
    R"({{"type":"firewall","backend":"iptables"}},{{"type":"portmap","snat":true,"capabilities":{{"portMappings":true}}}},)"
    R"({{"type":"bandwidth","capabilities":{{"bandwidth":true}}}}]}})",
    kRanges);

Attachment attachment_of(const std::string& conf, std::string_view version, const char* container) {
  std::string text = conf;
  text.insert(1, fmt::format(R"("cniVersion":"{}",)", version));
  CapabilityValues values;
  values.ports = {{.name = "web", .protocol = "tcp", .host_port = 8080, .pod_port = 80},
                  {.name = "dns", .protocol = "udp", .host_port = 5353, .pod_port = 53}};
  values.bandwidth = {.ingress = 8'000'000, .egress = 8'000'000};
  return {.conf = parse_net_conf(text, "/lab.conf").value(),
          .interface = "eth0",
          .args = "x=y",
          .container_id = container,
          .runtime_config = render_capabilities(values).value(),
          .plugin_dirs = {kPlugins}};
}

constexpr const char* kFirst = "11111111-2222-4333-8444-555555555555";
constexpr const char* kSecond = "66666666-7777-4888-8999-aaaaaaaaaaaa";

enum class Way { kWithNamespace, kWithout, kWithoutResult, kTwice, kChangedByThePod };

Result<> come_and_go(const Attachment& attachment, Way way) {
  sys::UniqueFd pod = TRY(pod_namespace());
  const CniResult result = TRY_CTX(attach(attachment, path_of(pod)), "attaching");
  auto netlink = TRY(sys::RouteNetlink::open_in(pod.get()));
  const auto there = TRY(netlink.addresses(TRY(netlink.index_of("eth0"))));
  TRY(check(result.ips_of("eth0").size() == 2, "two addresses of the pod"));
  for (const CniIp& ip : result.ips_of("eth0"))
    TRY(check(std::ranges::find(there, ip.address, &sys::LinkAddress::prefix) != there.end(),
              ip.address.to_string() + " is an address in the pod"));
  const std::optional<CniResult> known = way == Way::kWithoutResult ? std::nullopt : std::optional(result);
  if (way == Way::kChangedByThePod) TRY(netlink.delete_link(TRY(netlink.index_of("eth0"))));
  if (way != Way::kWithout && way != Way::kWithoutResult) {
    TRY_CTX(detach(attachment, known, path_of(pod)), "detaching");
    if (way != Way::kTwice) return {};
  }
  netlink = TRY(sys::RouteNetlink::open());
  pod.reset();
  TRY_CTX(detach(attachment, known, std::nullopt), "detaching without the namespace");
  return {};
}

class Cni : public ::testing::Test {
 protected:
  void SetUp() override {
    const bool able = ::geteuid() == 0 && ::access((std::string(kPlugins) + "/ptp").c_str(), X_OK) == 0;
    if (able) return;
    std::fprintf(stderr, "needs root and the plugins in %s\n", kPlugins);
    std::exit(std::getenv("REQUIRE_CAPS") == nullptr ? 77 : 1);
  }

  // The second pod leaves nothing, whichever way it goes. The first one makes what plugins keep for good.
  static void expect_nothing_left(const std::string& conf, const std::vector<std::string>& versions) {
    on_a_host([&]() -> Result<> {
      auto netlink = TRY(sys::RouteNetlink::open());
      TRY(netlink.add_veth({.name = "wire"}, {.name = "wire-end"}));
      for (const char* end : {"wire", "wire-end"}) TRY(netlink.set_up(TRY(netlink.index_of(end))));
      TRY_CTX(come_and_go(attachment_of(conf, versions.back(), kFirst), Way::kWithNamespace),
              "the first pod");
      for (const std::string& version : versions) {
        for (const Way way :
             {Way::kWithNamespace, Way::kWithout, Way::kWithoutResult, Way::kTwice, Way::kChangedByThePod}) {
          const std::string before = listing();
          TRY_CTX(come_and_go(attachment_of(conf, version, kSecond), way), "version {}, way {}", version,
                  static_cast<int>(way));
          const std::string after = listing();
          TRY_CTX(check(before == after, "nothing is left; before:\n" + before + "after:\n" + after),
                  "version {}, way {}", version, static_cast<int>(way));
        }
      }
      return {};
    });
  }
};

const std::vector<std::string> kAllVersions = {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"};

TEST_F(Cni, PtpLeavesNothing) { expect_nothing_left(kPtp, kAllVersions); }
TEST_F(Cni, BridgeLeavesNothing) { expect_nothing_left(kBridge, {"0.2.0", "0.4.0", "1.0.0"}); }
TEST_F(Cni, MacvlanLeavesNothing) { expect_nothing_left(kMacvlan, {"0.3.1", "1.0.0"}); }
TEST_F(Cni, StaticAddressesLeaveNothing) { expect_nothing_left(kStatic, {"0.4.0"}); }
TEST_F(Cni, ChainLeavesNothing) { expect_nothing_left(kChain, {"0.4.0", "1.0.0"}); }

}  // namespace
}  // namespace agena::stage1
