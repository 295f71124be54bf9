#include "stage0/store/docker_name.h"

#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

struct Row {
  const char* text;
  const char* full;
};

TEST(DockerNameTest, CompletesNames) {
  for (const Row& row :
       {Row{"busybox", "docker.io/library/busybox:latest"},
        Row{"busybox:1.36", "docker.io/library/busybox:1.36"}, Row{"me/app", "docker.io/me/app:latest"},
        Row{"docker.io/busybox", "docker.io/library/busybox:latest"},
        Row{"index.docker.io/library/busybox:a", "docker.io/library/busybox:a"},
        Row{"localhost/app", "localhost/app:latest"},
        Row{"localhost:5000/app:v1.0_x-y", "localhost:5000/app:v1.0_x-y"},
        Row{"quay.io/a/b/c__d.e-f---g:T", "quay.io/a/b/c__d.e-f---g:T"}, Row{"Host/app", "Host/app:latest"},
        Row{"[::1]:80/app", "[::1]:80/app:latest"}})
    EXPECT_EQ(ASSERT_VALUE(parse_docker_name(row.text)).str(), row.full);
}

TEST(DockerNameTest, RefusesWhatIsNone) {
  const std::string long_name(256, 'a');
  const std::string long_tag = "a:" + std::string(129, 't');
  for (const std::string& bad :
       {std::string(), std::string("Busybox"), std::string("a/"), std::string("/a"), std::string("a//b"),
        std::string("a:"), std::string("a:b:c"), std::string("a:-b"), std::string("a..b"), std::string("a_"),
        std::string("-a"), std::string("a___b"), std::string("a b"), std::string("host:x/a"),
        std::string("a@sha256:0123"), std::string("../a"), long_name, long_tag})
    EXPECT_FALSE(parse_docker_name(bad)) << bad;
}

TEST(DockerNameTest, ShortNamesMayBeLocalOnes) {
  EXPECT_EQ(docker_name_candidates("app:2"),
            (std::vector<std::string>{"docker.io/library/app:2", "localhost/app:2"}));
  EXPECT_EQ(docker_name_candidates("quay.io/app"), (std::vector<std::string>{"quay.io/app:latest"}));
  EXPECT_TRUE(docker_name_candidates("example.com/App,os=linux").empty());
}

}  // namespace
}  // namespace agena::stage0
