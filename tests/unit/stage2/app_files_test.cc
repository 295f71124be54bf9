// Environment files and the option of the configuration files' sources.
#include <gtest/gtest.h>

#include "common/stage2/app_plan.h"
#include "common/stage2/pod_app.h"
#include "tests/support/temp_dir.h"

namespace agena::stage2 {
namespace {

using agena::test::ok;

TEST(EnvironmentFile, ReadsBack) {
  const std::vector<EnvironmentVariable> environment = {{"A", "1"}, {"B", ""}, {"C", "x=y z"}};
  EXPECT_EQ(environment_file(environment), "A=1\nB=\nC=x=y z\n");
  EXPECT_EQ(parse_environment_file(environment_file(environment)), environment);
  EXPECT_EQ(parse_environment_file("no assignment\n=x\nA=1"), (std::vector<EnvironmentVariable>{{"A", "1"}}));
}

TEST(DnsModes, AllValues) {
  EXPECT_EQ(*parse_dns_mode(""), DnsMode{});
  EXPECT_EQ(*parse_dns_mode("resolv=host,hosts=stage0"), (DnsMode{ConfSource::kHost, ConfSource::kStage0}));
  EXPECT_EQ(*parse_dns_mode("hosts=host"), (DnsMode{ConfSource::kDefault, ConfSource::kHost}));
  EXPECT_EQ(*parse_dns_mode("resolv=none,hosts=default"), (DnsMode{ConfSource::kNone, ConfSource::kDefault}));
  for (const char* wrong : {"hosts=none", "resolv", "resolv=", "resolv=me", "dns=host", "resolv=host,"})
    EXPECT_FALSE(parse_dns_mode(wrong)) << wrong;
}

}  // namespace
}  // namespace agena::stage2
