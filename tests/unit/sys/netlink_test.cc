#include "common/sys/netlink.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include "common/base/strings.h"
#include "common/sys/rtnetlink.h"

namespace agena::sys {
namespace {

std::string_view behind_header(const NetlinkMessage& message) {
  return std::string_view(message.bytes()).substr(sizeof(nlmsghdr));
}

TEST(NetlinkMessage, HasTheKernelsShape) {
  NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE);
  ifaddrmsg fixed{};
  fixed.ifa_family = 2;
  message.fixed(fixed).u8(1, 7).text(2, "ab").be16(3, 0x0102).flag(4).address(
      5, IpAddress::parse("10.1.2.3").value());
  nlmsghdr header;
  std::memcpy(&header, message.bytes().data(), sizeof header);
  EXPECT_EQ(header.nlmsg_len, message.bytes().size());
  EXPECT_EQ(header.nlmsg_type, RTM_NEWADDR);
  EXPECT_EQ(header.nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);
  EXPECT_EQ(to_hex(behind_header(message)),
            "0200000000000000"    // ifaddrmsg
            "0500010007000000"    // one byte, three of padding
            "0700020061620000"    // text with its NUL
            "0600030001020000"    // network order
            "04000400"            // nothing
            "080005000a010203");  // an address
}

TEST(NetlinkMessage, NestsKnowTheirLength) {
  NetlinkMessage message(RTM_NEWLINK);
  message.nest(1, [](NetlinkMessage& outer) {
    outer.nest(2, [](NetlinkMessage& inner) { inner.u32(3, 5); });
    outer.u16(4, 6);
  });
  EXPECT_EQ(to_hex(behind_header(message)),
            "180001800c000280080003000500000006000400"
            "06000000");
  const NetlinkAttributes read(behind_header(message));
  EXPECT_EQ(read.nest(1).nest(2).number<std::uint32_t>(3), 5U);
  EXPECT_EQ(read.nest(1).number<std::uint16_t>(4), 6U);
}

TEST(NetlinkMessage, KnowsWhenItIsOverfull) {
  NetlinkMessage most(RTM_NEWLINK);
  most.attribute(1, std::string(UINT16_MAX - sizeof(nlattr), 'x'));
  EXPECT_FALSE(most.overfull());
  NetlinkMessage more(RTM_NEWLINK);
  more.attribute(1, std::string(UINT16_MAX - sizeof(nlattr) + 1, 'x'));
  EXPECT_TRUE(more.overfull());
  NetlinkMessage nested(RTM_NEWLINK);
  nested.nest(1, [](NetlinkMessage& nest) {
    for (int i = 0; i < 8; ++i) nest.attribute(2, std::string(8192, 'x'));
  });
  EXPECT_TRUE(nested.overfull());
}

TEST(NetlinkAttributes, LeavesOutWhatIsCutShort) {
  NetlinkMessage message(RTM_NEWLINK);
  message.u32(1, 5).text(2, "name").u32(1, 6);
  const std::string_view all = behind_header(message);
  const NetlinkAttributes whole(all);
  EXPECT_EQ(whole.number<std::uint32_t>(1), 6U);
  EXPECT_EQ(whole.text(2), "name");
  EXPECT_EQ(whole.in_order().size(), 3U);
  EXPECT_EQ(whole.number<std::uint16_t>(1), std::nullopt);
  EXPECT_FALSE(whole.has(3));
  for (std::size_t length = 0; length < all.size(); ++length)
    EXPECT_LT(NetlinkAttributes(all.substr(0, length)).in_order().size(), 3U) << length;
  EXPECT_TRUE(NetlinkAttributes(std::string_view("\x00\x00\x01\x00", 4)).in_order().empty());
  EXPECT_TRUE(NetlinkAttributes(std::string_view("\xff\xff\x01\x00", 4)).in_order().empty());
}

TEST(MacAddress, IsSixBytes) {
  EXPECT_EQ(to_hex(parse_mac("02:42:0A:00:00:05").value()), "02420a000005");
  EXPECT_EQ(mac_text(parse_mac("02:42:0A:00:00:05").value()), "02:42:0a:00:00:05");
  for (const char* text : {"", "02:42:0a:00:00", "02:42:0a:00:00:05:06", "2:42:0a:00:00:05",
                           "02-42-0a-00-00-05", "0g:42:0a:00:00:05"})
    EXPECT_FALSE(parse_mac(text)) << text;
}

TEST(InterfaceName, IsWhatTheKernelTakes) {
  for (const char* name : {"eth0", "a", "veth-0.1_x@y", "fifteen-letters"})
    EXPECT_TRUE(is_interface_name(name)) << name;
  for (const char* name : {"", ".", "..", "sixteen-letters-", "a/b", "a:b", "a b", "a\n"})
    EXPECT_FALSE(is_interface_name(name)) << name;
}

}  // namespace
}  // namespace agena::sys
