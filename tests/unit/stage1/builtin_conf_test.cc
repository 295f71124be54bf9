#include "stage1/net/builtin_conf.h"

#include <gtest/gtest.h>

#include "stage1/net/builtin_ptp.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

using testing::error_of;

NetConf conf(const std::string& text) { return parse_net_conf(text, "/etc/net.d/10-n.conf").value(); }
NetConf ptp(const std::string& ipam, const std::string& more = "") {
  return conf(R"({"cniVersion": "0.4.0", "name": "n", "type": "ptp", "ipam": {"type": "host-local")" + ipam +
              "}" + more + "}");
}

TEST(BuiltInConf, TakesWhatItKnowsWholly) {
  EXPECT_TRUE(is_ptp_conf(ptp(R"(, "subnet": "10.1.0.0/16")")));
  EXPECT_TRUE(is_ptp_conf(ptp(
      R"(, "ranges": [[{"subnet": "10.1.0.0/16", "rangeStart": "10.1.0.9", "rangeEnd": "10.1.0.9",
      "gateway": "10.1.0.1"}]], "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}], "dataDir": "/d")",
      R"(, "ipMasq": true, "mtu": 1400, "dns": {"nameservers": ["10.0.0.1"]}, "capabilities": {"ips": true, "mac": true, "ipRanges": false})")));
  EXPECT_TRUE(is_ptp_conf(conf(
      R"({"name": "n", "cniVersion": "1.0.0", "plugins": [{"type": "ptp", "ipam": {"type": "host-local"}}]})")));
}

TEST(BuiltInConf, LeavesAllElseToThePlugins) {
  for (
      const NetConf& other : {
          conf(R"({"name": "n", "type": "bridge", "ipam": {"type": "host-local", "subnet": "10.1.0.0/16"}})"),
          conf(R"({"name": "n", "type": "ptp", "ipam": {"type": "dhcp"}})"),
          conf(R"({"name": "n", "type": "ptp"})"),
          conf(
              R"({"name": "n", "plugins": [{"type": "ptp", "ipam": {"type": "host-local"}}, {"type": "tuning"}]})"),
          conf(
              R"({"name": "n", "disableCheck": true, "plugins": [{"type": "ptp", "ipam": {"type": "host-local"}}]})"),
          ptp(R"(, "subnet": "10.1.0.0/16", "resolvConf": "/etc/resolv.conf")"),
          ptp(R"(, "ranges": [[{"subnet": "10.1.0.0/16", "step": 2}]])"),
          ptp(R"(, "routes": [{"dst": "0.0.0.0/0", "mtu": 1400}])"),
          ptp("", R"(, "args": {"cni": {"ips": ["10.1.0.9"]}})"),
          ptp("", R"(, "dns": {"servers": []})"),
      })
    EXPECT_FALSE(is_ptp_conf(other)) << other.text;
}

TEST(BuiltInConf, AUsersOwnPluginComesFirst) {
  const test::TempDir dir;
  Attachment attachment{.conf = ptp(R"(, "subnet": "10.1.0.0/16")"),
                        .interface = "eth0",
                        .args = "",
                        .container_id = "id",
                        .plugin_dirs = {}};
  attachment.plugin_dirs = {dir.path(), "/usr/lib/cni"};
  EXPECT_TRUE(is_built_in(attachment));
  ASSERT_TRUE(test::ok(sys::write_file(dir.dir(), "host-local", "", 0755)));
  EXPECT_FALSE(is_built_in(attachment));
}

TEST(BuiltInConf, FillsInWhatIsLeftOpen) {
  const auto read = read_ptp_conf(
      ptp(R"(, "subnet": "10.1.0.0/22", "ranges": [[{"subnet": "fd00::/64", "gateway": "fd00::ff"}]])",
          R"(, "ipMasq": true, "mtu": 1280)"),
      "", "");
  ASSERT_TRUE(test::ok(read));
  EXPECT_TRUE(read->ip_masq);
  EXPECT_EQ(read->mtu, 1280U);
  EXPECT_EQ(read->ipam.network, "n");
  EXPECT_EQ(read->ipam.data_dir, "/var/lib/cni/networks");
  ASSERT_EQ(read->ipam.sets.size(), 2U);
  const AddressRange& four = read->ipam.sets[0].at(0);
  EXPECT_EQ(four.first.to_string() + " " + four.last.to_string() + " " + four.gateway.to_string(),
            "10.1.0.1 10.1.3.254 10.1.0.1");
  const AddressRange& six = read->ipam.sets[1].at(0);
  EXPECT_EQ(six.first.to_string() + " " + six.last.to_string() + " " + six.gateway.to_string(),
            "fd00::1 fd00::ffff:ffff:ffff:ffff fd00::ff");
}

TEST(BuiltInConf, TellsWhatIsWrong) {
  struct Row {
    const char* ipam;
    const char* complaint;
  };
  for (const auto& [ipam, complaint] : {
           Row{"", "/ipam: there are no ranges of addresses"},
           Row{R"(, "subnet": "10.1.0.0")",
               "/ipam/subnet: '10.1.0.0' has no prefix length (as in 10.1.0.0/16)"},
           Row{R"(, "subnet": "10.1.0.1/16")",
               "/ipam/subnet: has host bits set: the network's address is 10.1.0.0/16"},
           Row{R"(, "subnet": "10.1.0.0/31")", "/ipam/subnet: is too small to allocate from"},
           Row{R"(, "subnet": "10.1.0.0/16", "rangeStart": "10.2.0.0")",
               "/ipam: 10.2.0.0 is not in 10.1.0.0/16"},
           Row{R"(, "subnet": "10.1.0.0/16", "rangeStart": "10.1.0.9", "rangeEnd": "10.1.0.8")",
               "/ipam: the range from 10.1.0.9 to 10.1.0.8 is empty"},
           Row{R"(, "subnet": "10.1.0.0/16", "gateway": "fd00::1")",
               "/ipam: the gateway fd00::1 is of another IP version"},
           Row{R"(, "subnet": "10.1.0.0/16", "ranges": [[{"subnet": "10.0.0.0/8"}]])",
               "/ipam: the ranges in 10.1.0.0/16 and 10.0.0.0/8 overlap"},
           Row{R"(, "ranges": [[{"subnet": "10.1.0.0/16"}, {"subnet": "fd00::/64"}]])",
               "/ipam: a set of ranges has both IP versions"},
           Row{R"(, "ranges": [[]])", "/ipam/ranges/0: is an empty set of ranges"},
           Row{R"(, "subnet": "10.1.0.0/16", "routes": [{"gw": "10.1.0.1"}])",
               "/ipam/routes/0: missing 'dst'"},
           Row{R"(, "subnet": "10.1.0.0/16", "routes": [{"dst": "::/0", "gw": "10.1.0.1"}])",
               "/ipam/routes/0: the gateway is of another IP version than the destination"},
           Row{R"(, "subnet": "10.1.0.0/16", "dataDir": "state")", "/ipam/dataDir: must be an absolute path"},
       }) {
    ASSERT_TRUE(is_ptp_conf(ptp(ipam))) << ipam;
    EXPECT_EQ(error_of(read_ptp_conf(ptp(ipam), "", "")),
              std::string("network configuration '/etc/net.d/10-n.conf': ") + complaint);
    // Whatever is wrong, what was reserved is found.
    EXPECT_EQ(read_reservations_place(ptp(ipam)).network, "n");
  }
  EXPECT_EQ(error_of(read_ptp_conf(
                conf(R"({"cniVersion": "0.2.0", "name": "n", "type": "ptp", "ipam": {"type": "host-local",
      "ranges": [[{"subnet": "10.1.0.0/16"}], [{"subnet": "10.2.0.0/16"}]]}})"),
                "", "")),
            "network configuration '/etc/net.d/10-n.conf': /ipam: CNI version 0.2.0 knows one address of "
            "each IP version only");
}

TEST(BuiltInConf, TakesArguments) {
  const NetConf plain = ptp(R"(, "subnet": "10.1.0.0/16")");
  const NetConf declaring = ptp(R"(, "subnet": "10.1.0.0/16")", R"(, "capabilities": {"ips": true})");
  const auto wanted = [&](const char* args, const char* runtime = "", bool declared = false) {
    const auto read = read_ptp_conf(declared ? declaring : plain, args, runtime);
    if (!read) return read.error().to_string();
    std::string text;
    for (const IpAddress& address : read->ipam.wanted) text += address.to_string() + " ";
    return text;
  };
  EXPECT_EQ(wanted("IP=10.1.0.9"), "10.1.0.9 ");
  EXPECT_EQ(wanted("IP=10.1.0.9/16;GATEWAY=10.1.0.1;K8S_POD=x"), "10.1.0.9 ");
  constexpr const char* kIps = R"({"ips": ["10.1.0.8", "10.1.0.7/16", "10.1.0.9"]})";
  EXPECT_EQ(wanted("IP=10.1.0.9", kIps), "10.1.0.9 ");
  EXPECT_EQ(wanted("IP=10.1.0.9", kIps, true), "10.1.0.7 10.1.0.8 10.1.0.9 ");
  EXPECT_EQ(wanted("IP=nine"), "argument 'IP': 'nine' is not an IP address");
  EXPECT_EQ(wanted("IP"), "argument 'IP' has no value");
  EXPECT_EQ(wanted("IgnoreUnknown=0;FOO=1;BAR=2"), "unknown arguments 'FOO=1;BAR=2'");
}

TEST(BuiltInConf, TheReservationsAreFoundInABrokenOne) {
  EXPECT_EQ(read_reservations_place(ptp(R"(, "dataDir": "/d", "subnet": 7)")).data_dir, "/d");
  EXPECT_EQ(read_reservations_place(ptp(R"(, "dataDir": 7)")).data_dir, "/var/lib/cni/networks");
}

}  // namespace
}  // namespace agena::stage1
