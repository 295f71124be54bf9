#include "common/sys/id_range.h"

#include <gtest/gtest.h>

namespace agena::sys {
namespace {

TEST(IdRange, ReadsAndWrites) {
  const auto range = IdRange::parse("524288:65536");
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(*range, (IdRange{524288, 65536}));
  EXPECT_EQ(range->str(), "524288:65536");
  EXPECT_TRUE(IdRange::parse("1:4294967294").has_value());
  for (const char* bad : {"", ":", "1", "1:", ":1", "0:65536", "65536:0", "-1:5", "1:2:3", "1: 2", "x:1",
                          "1:4294967295", "4294967296:1"})
    EXPECT_FALSE(IdRange::parse(bad).has_value()) << bad;
  EXPECT_EQ(IdRange::parse("a\n:1").error().to_string(), "'a\\x0a:1' is not a range of ids (SHIFT:COUNT)");
}

TEST(IdRange, Relations) {
  const IdRange range{100, 10};
  EXPECT_TRUE(range.contains(100));
  EXPECT_TRUE(range.contains(109));
  EXPECT_FALSE(range.contains(99));
  EXPECT_FALSE(range.contains(110));
  EXPECT_TRUE(range.contains(IdRange{101, 9}));
  EXPECT_FALSE(range.contains(IdRange{101, 10}));
  EXPECT_TRUE(range.overlaps({109, 1}));
  EXPECT_TRUE(range.overlaps({0, 101}));
  EXPECT_FALSE(range.overlaps({110, 5}));
  EXPECT_FALSE(range.overlaps({90, 10}));
  EXPECT_TRUE((IdRange{4294901760, 65535}).overlaps({4294967000, 200})) << "no overflow";
}

TEST(IdRange, IdsOnTheHost) {
  const IdRange range{1 << 20, 65536};
  EXPECT_EQ(range.on_host(0), 1U << 20);
  EXPECT_EQ(range.on_host(65535), (1U << 20) + 65535);
  EXPECT_EQ(range.on_host(65536), (1U << 20) + kNobody);
  EXPECT_EQ((IdRange{1000, 10}).on_host(10), 1009U);
}

}  // namespace
}  // namespace agena::sys
