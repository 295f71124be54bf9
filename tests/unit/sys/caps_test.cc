#include "common/sys/caps.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

#include "tests/support/temp_dir.h"

namespace agena::sys {
namespace {

using test::ok;

TEST(CapabilityTable, EveryBitHasOneNameThatReadsBack) {
  EXPECT_EQ(capability_table().size(), CAP_LAST_CAP + 1U);
  for (int bit = 0; bit <= CAP_LAST_CAP; ++bit) {
    const auto parsed = parse_capability(capability_name(bit));
    ASSERT_TRUE(ok(parsed)) << bit;
    EXPECT_EQ(*parsed, bit);
  }
  EXPECT_EQ(capability_name(CAP_LAST_CAP + 1), "");
}

TEST(CapabilityTable, NamesInAnyCaseAndNumbers) {
  EXPECT_EQ(parse_capability("cap_net_raw").value_or(-1), CAP_NET_RAW);
  EXPECT_EQ(parse_capability("CAP_63").value_or(-1), 63);
  for (const char* wrong : {"NET_RAW", "CAP_", "CAP_64", "CAP_-1", "CAP_NET_RAWX", "", "CAP_NET_RAW "}) {
    const auto parsed = parse_capability(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_EQ(parsed.error().to_string(), fmt::format("unknown capability '{}'", wrong));
  }
}

TEST(CapabilitySet, NamesAndBits) {
  const auto set = CapabilitySet::parse({"CAP_SYS_ADMIN", "CAP_CHOWN", "CAP_50"});
  ASSERT_TRUE(ok(set));
  EXPECT_EQ(set->bits(), (std::uint64_t{1} << 50U) | (1U << 21U) | 1U);
  EXPECT_EQ(set->names(), (std::vector<std::string>{"CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_50"}));
  EXPECT_TRUE(set->contains(CAP_SYS_ADMIN));
  EXPECT_FALSE(set->contains(CAP_KILL));
  EXPECT_FALSE(CapabilitySet::parse({"CAP_CHOWN", "CAP_NOPE"}));
}

TEST(CapabilitySet, Operations) {
  CapabilitySet a(0b0110);
  EXPECT_EQ((a & CapabilitySet(0b0011)).bits(), 0b0010U);
  EXPECT_EQ((a | CapabilitySet(0b0001)).bits(), 0b0111U);
  EXPECT_EQ(a.without(CapabilitySet(0b0100)).bits(), 0b0010U);
  a.add(0);
  a.remove(1);
  EXPECT_EQ(a.bits(), 0b0101U);
  EXPECT_TRUE(CapabilitySet().empty());
}

TEST(ThreadCapabilities, EffectiveIsWithinPermitted) {
  const auto sets = thread_capabilities();
  ASSERT_TRUE(ok(sets));
  EXPECT_TRUE(sets->effective.without(sets->permitted).empty());
  // Setting what is there already needs no right.
  EXPECT_TRUE(ok(set_thread_capabilities(*sets)));
  const auto after = thread_capabilities();
  ASSERT_TRUE(ok(after));
  EXPECT_EQ(after->permitted, sets->permitted);
}

TEST(BoundingSet, KeepingEverythingDropsNothing) {
  const auto before = bounding_set();
  ASSERT_TRUE(ok(before));
  EXPECT_TRUE(ok(limit_bounding_set(CapabilitySet(~std::uint64_t{0}))));
  EXPECT_EQ(bounding_set().value_or(CapabilitySet()), *before);
}

}  // namespace
}  // namespace agena::sys
