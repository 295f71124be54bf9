// Results of plugins in all versions' shapes. The golden ones are what Debian's ptp prints, with host-local.
#include "stage1/net/cni_result.h"

#include <gtest/gtest.h>

#include "common/base/json_text.h"
#include "tests/support/golden.h"
#include "tests/support/result_matchers.h"

namespace agena::stage1 {
namespace {

using agena::testing::error_of;
using agena::testing::read_golden;

constexpr std::array kVersions = {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"};

std::string ptp_result(std::string_view version) {
  return read_golden(fmt::format("net/ptp-result-{}.json", version));
}

std::string compact(const std::string& text) {
  return json_text::dump(json_text::parse(text).value()).value();
}

std::string error_for(std::string_view text, std::string_view asked = "1.0.0") {
  return error_of(parse_cni_result(text, asked));
}

TEST(CniResult, MeansTheSameInEveryVersion) {
  for (const std::string version : kVersions) {
    SCOPED_TRACE(version);
    const CniResult result = ASSERT_VALUE(parse_cni_result(ptp_result(version), version));
    EXPECT_EQ(result.version, version);
    ASSERT_EQ(result.ips.size(), 2U);
    EXPECT_EQ(result.ips[0].address.to_string(), "10.9.8.12/24");
    EXPECT_EQ(result.ips[0].gateway->to_string(), "10.9.8.1");
    EXPECT_EQ(result.ips[1].address.to_string(), "fd00:9::c/64");
    EXPECT_EQ(result.ips[1].gateway->to_string(), "fd00:9::1");
    ASSERT_EQ(result.routes.size(), 2U);
    EXPECT_EQ(result.routes[0].destination.to_string(), "0.0.0.0/0");
    EXPECT_FALSE(result.routes[0].gateway);
    EXPECT_EQ(result.routes[1].destination.to_string(), "fd00:77::/64");
    EXPECT_EQ(result.routes[1].gateway->to_string(), "fd00:9::7");
    EXPECT_EQ(result.dns.nameservers, std::vector<std::string>{"10.9.8.1"});
    EXPECT_EQ(result.dns.domain, "example.org");
    EXPECT_EQ(result.dns.search, std::vector<std::string>{"example.org"});
    EXPECT_EQ(result.dns.options, std::vector<std::string>{"ndots:2"});
    EXPECT_EQ(result.ips_of("eth0").size(), 2U);
  }
}

TEST(CniResult, RendersWhatThePluginWouldPrintInEachVersion) {
  CniResult result = ASSERT_VALUE(parse_cni_result(ptp_result("1.0.0"), "1.0.0"));
  result.text.clear();
  for (const std::string version : kVersions) {
    SCOPED_TRACE(version);
    EXPECT_EQ(ASSERT_VALUE(render_cni_result(result, version)), compact(ptp_result(version)));
  }
}

TEST(CniResult, KeepsMembersThatItDoesNotKnowForItsOwnVersion) {
  const std::string text =
      R"({"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/n","mtu":9000}]})";
  const CniResult result = ASSERT_VALUE(parse_cni_result(text, "1.0.0"));
  EXPECT_EQ(ASSERT_VALUE(render_cni_result(result, "1.0.0")), text);
  EXPECT_EQ(ASSERT_VALUE(render_cni_result(result, "0.4.0")),
            R"({"cniVersion":"0.4.0","interfaces":[{"name":"eth0","sandbox":"/n"}],"dns":{}})");
}

TEST(CniResult, VersionIsTheConfigurationsWhereItTellsNone) {
  const CniResult old = ASSERT_VALUE(parse_cni_result(R"({"ip4":{"ip":"10.0.0.2/8"}})", "0.2.0"));
  ASSERT_EQ(old.ips.size(), 1U);
  EXPECT_EQ(old.version, "0.2.0");
  const CniResult lists = ASSERT_VALUE(parse_cni_result(R"({"ips":[{"address":"10.0.0.2/8"}]})", "1.0.0"));
  EXPECT_EQ(lists.ips, (std::vector<CniIp>{{ASSERT_VALUE(IpPrefix::parse("10.0.0.2/8"))}}));
}

TEST(CniResult, AddressesOfThePodAreNotThoseOfTheHost) {
  const CniResult result = ASSERT_VALUE(parse_cni_result(
      R"({"interfaces":[{"name":"br0"},{"name":"eth0"},{"name":"eth0","sandbox":"/n"}],
          "ips":[{"address":"10.0.0.1/8","interface":0},{"address":"10.0.0.2/8","interface":1},
                 {"address":"10.0.0.3/8","interface":2},{"address":"10.0.0.4/8","interface":-1},
                 {"address":"10.0.0.5/8","interface":77}]})",
      "1.0.0"));
  std::string addresses;
  for (const CniIp& ip : result.ips_of("eth0")) addresses += ip.address.to_string() + " ";
  EXPECT_EQ(addresses, "10.0.0.3/8 10.0.0.4/8 10.0.0.5/8 ");
}

TEST(CniResult, EmptyOneIsNoError) {
  const CniResult result = ASSERT_VALUE(parse_cni_result(R"({"cniVersion":"0.4.0","dns":null})", "1.0.0"));
  EXPECT_TRUE(result.ips.empty());
  EXPECT_TRUE(result.dns.empty());
}

TEST(CniResult, ErrorsTellWhere) {
  EXPECT_EQ(error_for("[]"), "result: expected an object, found an array");
  EXPECT_EQ(error_for(R"({"cniVersion":"7.0.0"})"), "result: CNI version '7.0.0' is not known here");
  EXPECT_EQ(error_for(R"({"ips":[{"gateway":"10.0.0.1"}]})").substr(0, 15), "result: /ips/0:");
  EXPECT_EQ(error_for(R"({"ips":[{"address":"10.0.0.1/33"}]})").substr(0, 23), "result: /ips/0/address:");
  EXPECT_EQ(error_for(R"({"ips":[{"address":"10.0.0.1/8","gateway":"me"}]})").substr(0, 23),
            "result: /ips/0/gateway:");
  EXPECT_EQ(error_for(R"({"routes":[7]})"), "result: /routes/0: expected an object, found 7");
  EXPECT_EQ(error_for(R"({"ip4":[]})", "0.1.0"), "result: /ip4: expected an object, found an array");
  EXPECT_EQ(error_for(R"({"dns":{"search":[1]}})").substr(0, 22), "result: /dns/search/0:");
}

TEST(CniResult, ManyItemsAreRefused) {
  std::string text = R"({"routes":[)";
  for (int i = 0; i < 2000; ++i) text += R"({"dst":"0.0.0.0/0"},)";
  text += R"({"dst":"0.0.0.0/0"}]})";
  EXPECT_EQ(error_for(text), "result: /routes: more than 1024 items");
}

TEST(CniResult, NamesThatNoResolverCouldUseAreRefused) {
  const auto of_texts = [](std::size_t count, const std::string& text) {
    std::string list;
    for (std::size_t i = 0; i < count; ++i) list += (i == 0 ? "\"" : ",\"") + text + "\"";
    return list;
  };
  const auto with_dns = [](const std::string& nameservers, const std::string& search) {
    return R"({"dns":{"nameservers":[)" + nameservers + R"(],"search":[)" + search + "]}}";
  };
  const std::string longest(1024, 'x');
  const CniResult most =
      ASSERT_VALUE(parse_cni_result(with_dns(of_texts(32, longest), of_texts(32, longest)), "1.0.0"));
  EXPECT_EQ(most.dns.nameservers.size() + most.dns.search.size(), 64U);
  EXPECT_EQ(error_for(with_dns(of_texts(32, "x"), of_texts(33, "x"))), "result: /dns: more than 64 texts");
  EXPECT_EQ(error_for(with_dns(of_texts(1, longest + "x"), "")),
            "result: /dns/nameservers/0: longer than 1024 bytes");
  EXPECT_EQ(error_for(R"({"dns":{"domain":")" + longest + R"(x"}})"),
            "result: /dns/domain: longer than 1024 bytes");
  EXPECT_EQ(error_for(R"({"dns":{"options":["a\nnameserver 10.0.0.9"]}})"),
            "result: /dns/options/0: has control characters");
  EXPECT_EQ(error_for(R"({"dns":7})"), "result: /dns: expected an object, found 7");
}

}  // namespace
}  // namespace agena::stage1
