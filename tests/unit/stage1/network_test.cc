// The networks of a pod as far as no network namespace is needed: what is asked for, what is told, what is on
// record.
#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

#include "common/sys/fs.h"
#include "stage1/net/net_record.h"
#include "stage1/net/network_choice.h"
#include "stage1/net/network_facts.h"
#include "stage1/net/resolv_conf.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage1 {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return *std::move(result);
}

using test::ok;
using test::TempDir;
using Kind = NetworkChoice::Kind;

TEST(NetworkChoice, Kinds) {
  EXPECT_EQ(must(parse_network_choice("host")), NetworkChoice{.kind = Kind::kHost});
  EXPECT_EQ(must(parse_network_choice("none")), NetworkChoice{.kind = Kind::kNone});
  const NetworkChoice usual{.kind = Kind::kPod, .all = false, .requested = {{"default"}}};
  EXPECT_EQ(must(parse_network_choice("")), usual);
  EXPECT_EQ(must(parse_network_choice("default")), usual);
}

TEST(NetworkChoice, Lists) {
  const NetworkChoice expected{
      .kind = Kind::kPod, .all = true, .requested = {{"a", "IP=10.1.2.3;K=V"}, {"b", ""}}};
  EXPECT_EQ(must(parse_network_choice("a:IP=10.1.2.3;K=V,all,b")), expected);
}

TEST(NetworkChoice, Wrong) {
  for (const char* text : {",", "a,,b", "a,a", "a,host", "none,a", "host:IP=1.2.3.4", "all:x=y", ":x=y"})
    EXPECT_FALSE(parse_network_choice(text)) << text;
}

TEST(NetworkFacts, ThereAndBack) {
  const NetworkFacts full{.resolv_conf = "nameserver 10.0.0.1\n",
                          .addresses = {"172.16.28.2", "fd00::2"},
                          .host_address = "172.16.28.1"};
  for (const NetworkFacts& facts : std::array{full, NetworkFacts{}})
    EXPECT_EQ(must(parse_network_facts(must(render_network_facts(facts)))), facts);
  EXPECT_FALSE(parse_network_facts("{}"));
  EXPECT_FALSE(parse_network_facts(""));
}

TEST(ResolvConf, ThereAndBack) {
  const CniDns dns{.nameservers = {"10.0.0.1", "fd00::1"},
                   .domain = "d.example",
                   .search = {"a.example", "b.example"},
                   .options = {"ndots:2", "rotate"}};
  const std::string text = render_resolv_conf("lab", dns);
  EXPECT_EQ(
      text,
      "# Generated from network lab\n\nsearch a.example b.example\nnameserver 10.0.0.1\nnameserver fd00::1\n"
      "options ndots:2 rotate\ndomain d.example\n");
  EXPECT_EQ(parse_resolv_conf(text), dns);
  EXPECT_EQ(
      parse_resolv_conf("nameserver\n;nameserver 1.2.3.4\n\tnameserver\t10.0.0.1 x \r\nsearch a\nsearch b c"),
      (CniDns{.nameservers = {"10.0.0.1"}, .domain = {}, .search = {"b", "c"}, .options = {}}));
}

constexpr const char* kConf =
    R"({"cniVersion":"0.4.0","name":"net1","type":"bridge","ipam":{"type":"host-local"}})";

NetRecord record(bool finished) {
  NetRecord record;
  record.attachment.conf = must(parse_net_conf(kConf, "/etc/agena/net.d/10-net1.conf"));
  record.attachment.interface = "eth0";
  record.attachment.args = "K=V";
  record.attachment.container_id = "00000000-0000-4000-8000-000000000001";
  record.attachment.plugin_dirs = {"/nonexistent"};
  if (finished)
    record.result = must(parse_cni_result(
        R"({"cniVersion":"0.4.0","interfaces":[{"name":"eth0","sandbox":"/x"}],"ips":[)"
        R"({"version":"6","address":"fd00::5/64","interface":0},{"version":"4","address":"10.1.2.3/20","gateway":"10.1.0.1","interface":0}]})",
        "0.4.0"));
  return record;
}

TEST(NetRecords, ThereAndBack) {
  const TempDir dir;
  const sys::DirFd pod = must(sys::open_dir(dir.path()));
  EXPECT_TRUE(must(read_net_records(pod)).records.empty());
  EXPECT_TRUE(ok(write_net_record(pod, 1, record(false))));
  EXPECT_TRUE(ok(write_net_record(pod, 0, record(true))));
  const auto stored = must(read_net_records(pod)).records;
  ASSERT_EQ(stored.size(), 2U);
  EXPECT_EQ(stored[0].index, 0U);
  EXPECT_EQ(stored[0].record.result->ips, record(true).result->ips);
  EXPECT_EQ(stored[1].record.result, std::nullopt);
  EXPECT_EQ(stored[1].record.attachment.conf.text, kConf);
  EXPECT_EQ(stored[1].record.attachment.args, "K=V");
  EXPECT_TRUE(ok(remove_net_record(pod, 0, record(true))));
  EXPECT_EQ(must(read_net_records(pod)).records.size(), 1U);
  EXPECT_TRUE(ok(sys::write_file(pod, "net/07-net1.json", "")));
  EXPECT_EQ(must(read_net_records(pod)).broken, std::vector<std::string>{"net/07-net1.json"});
}

TEST(NetRecords, NetInfoIsRktsAndMore) {
  const std::array records = {record(true)};
  EXPECT_EQ(
      must(render_net_info(records)),
      R"([{"netName":"net1","netConf":"/etc/agena/net.d/10-net1.conf","pluginPath":"bridge","ifName":"eth0",)"
      R"("ip":"10.1.2.3","args":"K=V","mask":"255.255.240.0","ips":["fd00::5/64","10.1.2.3/20"]}])");
}

}  // namespace
}  // namespace agena::stage1
