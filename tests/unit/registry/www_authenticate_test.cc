#include "stage0/registry/www_authenticate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agena::stage0 {
namespace {

using ::testing::ElementsAre;

AuthChallenge challenge(std::string scheme, std::map<std::string, std::string> params = {}) {
  return {.scheme = std::move(scheme), .params = std::move(params)};
}
std::vector<AuthChallenge> parse(const std::string& header) {
  return parse_www_authenticate(std::vector<std::string>{header});
}

TEST(WwwAuthenticate, DockerHub) {
  EXPECT_THAT(
      parse(
          R"(Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/busybox:pull")"),
      ElementsAre(challenge("bearer", {{"realm", "https://auth.docker.io/token"},
                                       {"service", "registry.docker.io"},
                                       {"scope", "repository:library/busybox:pull"}})));
}

TEST(WwwAuthenticate, CommasInQuotes) {
  EXPECT_THAT(parse(R"(Bearer realm="r", scope="repository:a:pull,push repository:b:pull", error="x")"),
              ElementsAre(challenge(
                  "bearer",
                  {{"realm", "r"}, {"scope", "repository:a:pull,push repository:b:pull"}, {"error", "x"}})));
}

TEST(WwwAuthenticate, SeveralInOneHeader) {
  EXPECT_THAT(
      parse(R"(Basic realm="a, b", Bearer realm="https://t",service="s" , Negotiate)"),
      ElementsAre(challenge("basic", {{"realm", "a, b"}}),
                  challenge("bearer", {{"realm", "https://t"}, {"service", "s"}}), challenge("negotiate")));
}

TEST(WwwAuthenticate, SeveralHeaders) {
  EXPECT_THAT(parse_www_authenticate(std::vector<std::string>{"Negotiate", R"(BASIC realm="x")"}),
              ElementsAre(challenge("negotiate"), challenge("basic", {{"realm", "x"}})));
}

TEST(WwwAuthenticate, EscapesAndBareValues) {
  EXPECT_THAT(parse(R"(Bearer realm=https://t/x?y=z,SERVICE = "a\"b\\c")"),
              ElementsAre(challenge("bearer", {{"realm", "https://t/x?y=z"}, {"service", R"(a"b\c)"}})));
}

TEST(WwwAuthenticate, TheFirstOfTwoCounts) {
  EXPECT_THAT(parse(R"(Bearer realm="good",realm="evil")"),
              ElementsAre(challenge("bearer", {{"realm", "good"}})));
}

TEST(WwwAuthenticate, BrokenOnesAreReadAsFarAsTheyGo) {
  EXPECT_THAT(parse(""), ElementsAre());
  EXPECT_THAT(parse(",,, ,"), ElementsAre());
  EXPECT_THAT(parse(R"(Bearer realm="open)"), ElementsAre(challenge("bearer", {{"realm", "open"}})));
  EXPECT_THAT(parse(R"("quoted" Basic)"), ::testing::Contains(challenge("basic")));
  EXPECT_THAT(parse("Bearer realm="), ElementsAre(challenge("bearer", {{"realm", ""}})));
}

TEST(WwwAuthenticate, IsBounded) {
  std::string many;
  for (int i = 0; i < 10'000; ++i) many += "Scheme" + std::to_string(i) + " a=b, ";
  EXPECT_LE(parse(many).size(), 32U);
}

}  // namespace
}  // namespace agena::stage0
