#include "common/base/ip.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace agena {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
IpPrefix prefix(std::string_view text) { return IpPrefix::parse(text).value(); }

TEST(IpAddress, IsWrittenInItsOneSpelling) {
  struct Row {
    const char* text;
    const char* spelled;
  };
  for (const auto& [text, spelled] : {
           Row{"0.0.0.0", "0.0.0.0"},
           Row{"172.16.28.2", "172.16.28.2"},
           Row{"255.255.255.255", "255.255.255.255"},
           Row{"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
           Row{"2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"},
           Row{"::", "::"},
           Row{"::1", "::1"},
           Row{"::1.2.3.4", "::102:304"},
           Row{"fe80::1", "fe80::1"},
           Row{"::ffff:10.0.0.1", "10.0.0.1"},
           Row{"0000:0000:0000:0000:0000:ffff:255.255.255.255", "255.255.255.255"},
       })
    EXPECT_EQ(ip(text).to_string(), spelled) << text;
}

TEST(IpAddress, RefusesOtherText) {
  for (const char* text :
       {"", "10", "10.0.0", "10.0.0.1.1", "10.0.0.256", "010.0.0.1", "10.0.0.1 ", " 10.0.0.1", "10.0.0.1/8",
        "::1%lo", "1::2::3", ":::", "12345::", "localhost", "-1.0.0.0"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  EXPECT_FALSE(IpAddress::parse(std::string_view("10.0.0.1\0", 9)));
  EXPECT_EQ(IpAddress::parse("x\x1b[2J").error().message(), "'x\\x1b[2J' is not an IP address");
}

TEST(IpAddress, HasVersionAndBytes) {
  EXPECT_TRUE(ip("10.0.0.1").is_v4());
  EXPECT_EQ(ip("10.0.0.1").family(), AF_INET);
  EXPECT_EQ(ip("::2").family(), AF_INET6);
  const IpAddress six = ip("2001:db8::7");
  EXPECT_EQ(six.bytes().size(), 16U);
  EXPECT_EQ(IpAddress::from_bytes(six.bytes()).value(), six);
  EXPECT_EQ(IpAddress::from_bytes(ip("1.2.3.4").bytes()).value(), ip("1.2.3.4"));
  EXPECT_FALSE(IpAddress::from_bytes(six.bytes().first(5)));
}

TEST(IpAddress, KnowsItsKind) {
  EXPECT_TRUE(ip("127.9.9.9").is_loopback() && ip("::1").is_loopback());
  EXPECT_FALSE(ip("128.0.0.1").is_loopback() || ip("::2").is_loopback() || ip("1::1").is_loopback());
  EXPECT_TRUE(ip("0.0.0.0").is_unspecified() && ip("::").is_unspecified());
  EXPECT_FALSE(ip("0.0.0.1").is_unspecified());
  EXPECT_TRUE(ip("224.0.0.1").is_multicast() && ip("ff02::1").is_multicast());
  EXPECT_FALSE(ip("240.0.0.1").is_multicast() || ip("fe80::1").is_multicast());
  EXPECT_TRUE(ip("169.254.1.1").is_link_local() && ip("febf::1").is_link_local());
  EXPECT_FALSE(ip("169.253.1.1").is_link_local() || ip("fec0::1").is_link_local());
}

TEST(IpAddress, HasNeighbours) {
  EXPECT_EQ(ip("10.0.0.255").next(), ip("10.0.1.0"));
  EXPECT_EQ(ip("10.0.1.0").previous(), ip("10.0.0.255"));
  EXPECT_EQ(ip("2001:db8::ffff").next(), ip("2001:db8::1:0"));
  EXPECT_EQ(ip("255.255.255.255").next(), std::nullopt);
  EXPECT_EQ(ip("0.0.0.0").previous(), std::nullopt);
  EXPECT_EQ(ip("::").previous(), std::nullopt);
}

TEST(IpAddress, IsOrderedByNumberWithinAVersion) {
  EXPECT_LT(ip("9.255.0.0"), ip("10.0.0.0"));
  EXPECT_LT(ip("255.255.255.255"), ip("::"));
  EXPECT_LT(ip("::ffff"), ip("::1:0"));
  EXPECT_NE(ip("1.2.3.4"), ip("102:304::"));
}

TEST(IpPrefix, KnowsItsNetwork) {
  const IpPrefix p = prefix("172.16.28.77/22");
  EXPECT_EQ(p.to_string(), "172.16.28.77/22");
  EXPECT_EQ(p.network(), ip("172.16.28.0"));
  EXPECT_EQ(p.broadcast(), ip("172.16.31.255"));
  EXPECT_EQ(p.mask(), ip("255.255.252.0"));
  EXPECT_EQ(p.masked().to_string(), "172.16.28.0/22");
  EXPECT_EQ(prefix("2001:db8:1:2:3::9/50").network(), ip("2001:db8:1::"));
  EXPECT_EQ(prefix("2001:db8::/127").broadcast(), ip("2001:db8::1"));
  EXPECT_EQ(prefix("10.0.0.1/0").mask(), ip("0.0.0.0"));
  EXPECT_EQ(prefix("10.0.0.1/32").broadcast(), ip("10.0.0.1"));
  EXPECT_EQ(IpPrefix::everything(ip("::5")).to_string(), "::/0");
  EXPECT_EQ(IpPrefix::host(ip("10.0.0.1")).to_string(), "10.0.0.1/32");
}

TEST(IpPrefix, ContainsAddressesOfItsVersion) {
  EXPECT_TRUE(prefix("10.1.0.0/16").contains(ip("10.1.255.255")));
  EXPECT_FALSE(prefix("10.1.0.0/16").contains(ip("10.2.0.0")));
  EXPECT_FALSE(prefix("0.0.0.0/0").contains(ip("::1")));
  EXPECT_TRUE(prefix("::/0").contains(ip("fe80::1")));
  EXPECT_TRUE(prefix("10.0.0.0/8").overlaps(prefix("10.9.0.0/16")));
  EXPECT_TRUE(prefix("10.9.0.0/16").overlaps(prefix("10.0.0.0/8")));
  EXPECT_FALSE(prefix("10.9.0.0/16").overlaps(prefix("10.8.0.0/16")));
}

TEST(IpPrefix, RefusesOtherText) {
  for (const char* text :
       {"10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "/8", "10.0.0.0/+8"})
    EXPECT_FALSE(IpPrefix::parse(text)) << text;
}

}  // namespace
}  // namespace agena
