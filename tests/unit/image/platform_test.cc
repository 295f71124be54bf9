#include "stage0/image/platform.h"

#include <gtest/gtest.h>

namespace agena::stage0 {
namespace {

const Platform kAmd64{.os = "linux", .arch = "amd64", .variant = {}};
const Platform kArm7{.os = "linux", .arch = "arm", .variant = "v7"};
const Platform kArm64{.os = "linux", .arch = "arm64", .variant = "v8"};

Platform variant(Platform platform, const std::string& name) {
  platform.variant = name;
  return platform;
}

TEST(PlatformTest, KnowsThisMachine) {
  const Platform host = host_platform();
  EXPECT_EQ(host.os, "linux");
  EXPECT_FALSE(host.arch.empty());
  EXPECT_GT(platform_rank(host, host), 0);
}

TEST(PlatformTest, AnotherSystemDoesNotSuit) {
  EXPECT_EQ(platform_rank(kAmd64, kArm64), 0);
  EXPECT_EQ(platform_rank(kAmd64, {.os = "windows", .arch = "amd64", .variant = {}}), 0);
  EXPECT_EQ(platform_rank(kAmd64, {}), 0);
}

TEST(PlatformTest, NoVariantIsTheUsualOne) {
  EXPECT_EQ(platform_rank(kArm64, variant(kArm64, "")), platform_rank(kArm64, kArm64));
  EXPECT_EQ(platform_rank(variant(kArm7, ""), kArm7), platform_rank(kArm7, kArm7));
}

TEST(PlatformTest, OlderVariantsSuitNewerOnesDoNot) {
  const int exact = platform_rank(kArm7, kArm7);
  const int older = platform_rank(kArm7, variant(kArm7, "v6"));
  const int oldest = platform_rank(kArm7, variant(kArm7, "v5"));
  EXPECT_GT(exact, older);
  EXPECT_GT(older, oldest);
  EXPECT_GT(oldest, 0);
  EXPECT_EQ(platform_rank(kArm7, variant(kArm7, "v8")), 0);
  EXPECT_EQ(platform_rank(kAmd64, variant(kAmd64, "v3")), 0);
  EXPECT_EQ(platform_rank(kArm7, variant(kArm7, "soft")), 0);
}

TEST(PlatformTest, IsShownWithItsVariant) {
  EXPECT_EQ(to_string(kAmd64), "linux/amd64");
  EXPECT_EQ(to_string(kArm64), "linux/arm64/v8");
}

}  // namespace
}  // namespace agena::stage0
