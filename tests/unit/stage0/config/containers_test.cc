// Configuration of containers-common and docker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stage0/config/auth_file.h"
#include "stage0/config/base64.h"
#include "stage0/config/containers_files.h"
#include "stage0/config/registries_conf.h"
#include "stage0/config/trust_policy.h"
#include "tests/support/result_matchers.h"

namespace agena::stage0 {
namespace {

using ::agena::testing::error_of;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Base64, BothWays) {
  // RFC 4648 section 10.
  const std::pair<const char*, const char*> pairs[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : pairs) {
    EXPECT_EQ(base64_encode(plain), coded);
    EXPECT_EQ(base64_decode(coded), plain);
  }
  EXPECT_EQ(base64_decode("Zm8"), "fo");
  EXPECT_EQ(base64_decode("Z"), std::nullopt);
  EXPECT_EQ(base64_decode("Zm8!"), std::nullopt);
}

RegistriesConf conf(const std::string& text) {
  RegistriesConf made;
  const auto added = made.add(text, "registries.conf");
  EXPECT_TRUE(added) << error_of(added);
  return made;
}

TEST(RegistriesConf, TheLongestPrefixCounts) {
  const RegistriesConf made = conf(R"(
[[registry]]
prefix = "example.com"
location = "a.test"
[[registry]]
prefix = "example.com/team"
location = "b.test/copies"
[[registry]]
prefix = "*.example.com"
location = ""
[[registry]]
prefix = "*.deep.example.com"
)");
  const auto found = [&](const char* name) {
    const RegistryRule* rule = made.find(name);
    return rule == nullptr ? "(none)" : rule->prefix;
  };
  EXPECT_EQ(found("example.com/app"), "example.com");
  EXPECT_EQ(found("example.com/team/app"), "example.com/team");
  EXPECT_EQ(found("example.com/teams/app"), "example.com");
  EXPECT_EQ(found("a.example.com/app"), "*.example.com");
  EXPECT_EQ(found("a.example.com:5000/app"), "*.example.com");
  EXPECT_EQ(found("a.deep.example.com/app"), "*.deep.example.com");
  EXPECT_EQ(found("example.com:5000/app"), "(none)");
  EXPECT_EQ(found("example.community/app"), "(none)");
}

TEST(RegistriesConf, Rewriting) {
  const RegistriesConf made = conf(R"(
[[registry]]
prefix = "docker.io"
[[registry.mirror]]
location = "localhost:5000/hub/"
insecure = true
[[registry.mirror]]
location = "second.test"
pull-from-mirror = "digest-only"
)");
  const RegistryRule& rule = *made.find("docker.io/library/busybox");
  ASSERT_EQ(rule.mirrors.size(), 2U);
  EXPECT_EQ(RegistriesConf::rewrite(rule, rule.mirrors[0].location, "docker.io/library/busybox"),
            "localhost:5000/hub/library/busybox");
  EXPECT_EQ(RegistriesConf::rewrite(rule, rule.location, "docker.io/library/busybox"),
            "docker.io/library/busybox");
  EXPECT_EQ(rule.mirrors[1].pulls, RegistryMirror::Pulls::kByDigest);
  EXPECT_TRUE(rule.mirrors[0].insecure);
  EXPECT_FALSE(rule.mirrors[1].insecure);
}

TEST(RegistriesConf, InsecureIsWhatIsMarked) {
  const RegistriesConf made = conf(R"(
[[registry]]
location = "whole.test:5000"
insecure = true
[[registry]]
location = "part.test/team"
insecure = true
[[registry]]
prefix = "docker.io/team"
location = "moved.test"
insecure = true
[[registry.mirror]]
location = "mirror.test"
insecure = true
[[registry.mirror]]
location = "shared.test/copies"
insecure = true
[[registry]]
prefix = "*.lab.test"
insecure = true
[[registry]]
prefix = "safe.lab.test"
)");
  for (const char* host : {"whole.test:5000", "moved.test", "mirror.test", "a.lab.test", "a.lab.test:443"})
    EXPECT_TRUE(made.is_insecure(host)) << host;
  for (const char* host :
       {"whole.test", "part.test", "docker.io", "shared.test", "safe.lab.test", "lab.test"})
    EXPECT_FALSE(made.is_insecure(host)) << host;
}

TEST(RegistriesConf, LaterFilesReplace) {
  RegistriesConf made = conf("[[registry]]\nlocation = \"a.test\"\nblocked = true\n");
  ASSERT_TRUE(
      made.add("unqualified-search-registries = [\"x\"]\n[[registry]]\nlocation = \"a.test\"\n", "later"));
  EXPECT_FALSE(made.find("a.test/x")->blocked);
  EXPECT_EQ(made.rules().size(), 1U);
}

TEST(RegistriesConf, Complaints) {
  const std::pair<const char*, const char*> cases[] = {
      {"[[registry]]\n", "without a prefix or a location"},
      {"[[registry]]\nlocation = 7\n", "line 2: 'location' must be a string"},
      {"[[registry]]\nlocation = \"https://a\"\n", "not a URL"},
      {"[[registry]]\nprefix = \"*.a/b\"\n", "hosts only"},
      {"[[registry]]\nprefix = \"a*\"\n", "at the beginning"},
      {"registry = 1\n", "must be an array"},
      {"[registries.search]\nregistries = []\n", "version 1"},
      {"[[registry]]\nlocation = \"a\"\n[[registry.mirror]]\nlocation = \"b\"\npull-from-mirror = \"x\"\n",
       "pull-from-mirror"},
      {"= nonsense", "line 1"},
  };
  for (const auto& [text, message] : cases) {
    RegistriesConf made;
    EXPECT_THAT(error_of(made.add(text, "the file")), HasSubstr(message)) << text;
  }
}

TEST(AuthFile, LongestRepositoryPrefix) {
  const AuthFile file = ASSERT_VALUE(parse_auth_file(R"({"auths":{
    "registry.test": {"auth":"YTph"}, "registry.test/team": {"auth":"Yjpi"}, "registry.test/team/app": {},
    "https://index.docker.io/v1/": {"auth":"Yzpj"}, "http://old.test/v1/": {"identitytoken":"t"}}})",
                                                     "f"));
  EXPECT_EQ(file.find("registry.test", "other")->user, "a");
  EXPECT_EQ(file.find("registry.test", "team/app")->user, "b");
  EXPECT_EQ(file.find("registry.test", "teams/app")->user, "a");
  EXPECT_EQ(file.find("docker.io", "library/x")->user, "c");
  EXPECT_EQ(file.find("old.test", "x")->identity_token, "t");
  EXPECT_EQ(file.find("registry.test:5000", "x"), nullptr);
}

TEST(AuthFile, DockersOwnNames) {
  EXPECT_EQ(normalise_auth_key("https://index.docker.io/v1/"), "docker.io");
  EXPECT_EQ(normalise_auth_key("index.docker.io/v1"), "docker.io");
  EXPECT_EQ(normalise_auth_key("registry-1.docker.io"), "docker.io");
  EXPECT_EQ(normalise_auth_key("registry-1.docker.io/team"), "docker.io/team");
  EXPECT_EQ(normalise_auth_key("registry-1.docker.io/v2/team/app"), "docker.io/team/app");
  EXPECT_EQ(normalise_auth_key("docker.io/team/"), "docker.io/team");
  EXPECT_EQ(normalise_auth_key("localhost:5000/v1"), "localhost:5000/v1");
}

TEST(AuthFile, PasswordsWithColons) {
  const AuthFile file = ASSERT_VALUE(parse_auth_file(R"({"auths":{"r":{"auth":"dTpwOnE="}}})", "f"));
  EXPECT_EQ(file.find("r", "x")->password, "p:q");
}

TEST(AuthFile, ComplaintsKeepSecrets) {
  for (const char* text :
       {R"({"auths":{"r":{"auth":"hunter2"}}})", R"({"auths":{"r":{"password":["hunter2"]}}})",
        R"({"auths":{"r":"hunter2"}})", R"({"auths":"hunter2"})", R"({"auths":{"r":{"password":"hunter2}}})",
        R"({"auths":{"r":{"password":hunter2}}})", R"({"hunter2":1,"hunter2":2})",
        "{\"auths\":{\"r\":{\"password\":\"hunter2\n\"}}}", R"({"a":"hunter2\q"})"}) {
    const auto parsed = parse_auth_file(text, "the file");
    EXPECT_FALSE(parsed) << text;
    EXPECT_THAT(error_of(parsed), Not(HasSubstr("hunter2")));
  }
  EXPECT_FALSE(parse_auth_file("[]", "f"));
}

TrustPolicy policy(const std::string& text) {
  auto parsed = TrustPolicy::parse(text, "policy.json");
  EXPECT_TRUE(parsed) << error_of(parsed);
  return *std::move(parsed);
}

TEST(TrustPolicy, TheNarrowestScopeCounts) {
  const TrustPolicy made = policy(R"({"default":[{"type":"reject"}],"transports":{"docker":{
    "good.test":[{"type":"insecureAcceptAnything"}], "good.test/bad":[{"type":"reject"}],
    "good.test/bad/app:1":[{"type":"insecureAcceptAnything"}], "*.wild.test":[{"type":"insecureAcceptAnything"}]}}})");
  EXPECT_TRUE(made.check("good.test", "app", "1", false));
  EXPECT_THAT(error_of(made.check("good.test", "bad/app", "2", false)), HasSubstr("scope 'good.test/bad'"));
  EXPECT_TRUE(made.check("good.test", "bad/app", "1", false));
  EXPECT_TRUE(made.check("a.wild.test", "app", "1", false));
  EXPECT_FALSE(made.check("wild.test", "app", "1", false));
  EXPECT_THAT(error_of(made.check("other.test", "app", "1", true)), HasSubstr("rejected by the policy"));
}

TEST(TrustPolicy, SignaturesAreRefusedUnlessWaived) {
  const TrustPolicy made = policy(R"({"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/k"}]})");
  EXPECT_THAT(error_of(made.check("a.test", "app", "1", false)), HasSubstr("wants a signature"));
  EXPECT_TRUE(made.check("a.test", "app", "1", true));
}

TEST(TrustPolicy, Complaints) {
  for (const char* text :
       {"{}", R"({"default":[]})", R"({"default":[{"type":"magic"}]})", R"({"default":{}})", "x"})
    EXPECT_FALSE(TrustPolicy::parse(text, "f")) << text;
}

TEST(ContainersFiles, FollowTheEnvironment) {
  const auto with = [](std::map<std::string, std::string> variables) {
    return containers_files([variables](const char* name) -> std::optional<std::string> {
      const auto it = variables.find(name);
      return it == variables.end() ? std::nullopt : std::optional(it->second);
    });
  };
  const ContainersFiles home = with({{"HOME", "/h"}, {"XDG_RUNTIME_DIR", "/r"}});
  EXPECT_EQ(home.auth.at(0).path, "/r/containers/auth.json");
  EXPECT_EQ(home.auth.at(1).path, "/h/.config/containers/auth.json");
  EXPECT_EQ(home.auth.at(2).path, "/h/.docker/config.json");
  EXPECT_EQ(home.policies.front(), "/h/.config/containers/policy.json");
  EXPECT_EQ(home.certs_dirs.front(), "/h/.config/containers/certs.d");
  const ContainersFiles named =
      with({{"REGISTRY_AUTH_FILE", "/mine"}, {"CONTAINERS_REGISTRIES_CONF", "/conf"}});
  EXPECT_EQ(named.auth, (std::vector<ContainersFiles::File>{{.path = "/mine", .required = true}}));
  EXPECT_EQ(named.registries, (ContainersFiles::File{.path = "/conf", .required = true}));
  EXPECT_TRUE(named.registries_dirs.empty());
}

}  // namespace
}  // namespace agena::stage0
