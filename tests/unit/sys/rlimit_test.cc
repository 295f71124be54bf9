#include "common/sys/rlimit.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace agena::sys {
namespace {

using test::ok;

TEST(ResourceTable, EveryResourceHasOneNameThatReadsBack) {
  EXPECT_EQ(resource_table().size(), static_cast<std::size_t>(RLIMIT_NLIMITS));
  for (int resource = 0; resource < RLIMIT_NLIMITS; ++resource)
    EXPECT_EQ(parse_resource(resource_name(resource)).value_or(-1), resource);
  EXPECT_EQ(resource_name(RLIMIT_NLIMITS), "");
  const auto unknown = parse_resource("NOFILE");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().to_string(), "unknown resource limit 'NOFILE'");
}

TEST(ResourceTable, ShortNames) {
  EXPECT_EQ(parse_short_resource("nofile").value_or(-1), RLIMIT_NOFILE);
  EXPECT_EQ(parse_short_resource("as").value_or(-1), RLIMIT_AS);
  for (const char* bad : {"", "NOFILE", "RLIMIT_NOFILE", "nofiles", "no file"})
    EXPECT_FALSE(parse_short_resource(bad)) << bad;
}

TEST(ResourceLimit, LoweringTheSoftLimitIsSeen) {
  const auto before = resource_limit(RLIMIT_CORE);
  ASSERT_TRUE(ok(before));
  ASSERT_TRUE(ok(set_resource_limit({.resource = RLIMIT_CORE, .soft = 0, .hard = before->hard})));
  const auto after = resource_limit(RLIMIT_CORE);
  ASSERT_TRUE(ok(after));
  EXPECT_EQ(after->soft, 0U);
  EXPECT_EQ(after->hard, before->hard);
  EXPECT_TRUE(ok(set_resource_limit(*before)));
}

TEST(ResourceLimit, AnErrorNamesTheLimit) {
  const auto result = set_resource_limit({.resource = RLIMIT_NOFILE, .soft = 2, .hard = 1});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().to_string(), "setting RLIMIT_NOFILE to 2:1: invalid argument");
  EXPECT_EQ(limit_text(kUnlimited), "unlimited");
}

}  // namespace
}  // namespace agena::sys
