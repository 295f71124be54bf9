#include "stage0/image/link_path.h"

#include <gtest/gtest.h>

namespace agena::stage0 {
namespace {

TEST(LinkPathTest, FollowsLikeTheKernelInsideARoot) {
  EXPECT_EQ(link_path("a/b", "c"), "a/c");
  EXPECT_EQ(link_path("a/b", "../c"), "c");
  EXPECT_EQ(link_path("a/b", "../../../c"), "c");
  EXPECT_EQ(link_path("a/b", "/c//./d"), "c/d");
  EXPECT_EQ(link_path("a", "b"), "b");
  EXPECT_EQ(link_path("", "./x/../y/"), "y");
  EXPECT_EQ(link_path("a/b", ".."), "");
  EXPECT_EQ(link_path("a/b/c", "."), "a/b");
}

}  // namespace
}  // namespace agena::stage0
