#include "stage0/registry/authorizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"
#include "tests/unit/registry/loopback.h"

namespace agena::stage0 {
namespace {

using ::agena::test::answer;
using ::agena::test::ScriptedServer;
using ::agena::testing::error_of;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kScope = "repository:team/app:pull";

class Authorization : public ::testing::Test {
 protected:
  Authorizer make(std::optional<RegistryCredentials> credentials, bool may_send = true) {
    return Authorizer(http_, {.registry = "registry.test",
                              .repository = "team/app",
                              .credentials = [credentials](const std::string&, const std::string&)
                                  -> Result<std::optional<RegistryCredentials>> { return credentials; },
                              .may_send = [may_send](const std::string&) -> Result<bool> { return may_send; },
                              .registry_url = [] { return std::string("https://registry.test/v2/"); }});
  }
  static std::vector<std::string> bearer(const ScriptedServer& server) {
    return {"Bearer realm=\"" + server.url("/token") + "\",service=\"the service\",scope=\"" + kScope + "\""};
  }
  HttpClient http_{test::loopback_settings()};
};

TEST_F(Authorization, AnonymousTokens) {
  ScriptedServer server({answer("200 OK", R"({"token":"abc","expires_in":300})")});
  Authorizer authorizer = make(std::nullopt);
  EXPECT_EQ(authorizer.known(kScope), "");
  EXPECT_EQ(ASSERT_VALUE(authorizer.answer(bearer(server), kScope, "")), "Bearer abc");
  EXPECT_EQ(authorizer.known(kScope), "Bearer abc");
  EXPECT_EQ(authorizer.known("another"), "");
  EXPECT_THAT(server.requests().at(0),
              HasSubstr("GET /token?service=the%20service&scope=repository%3Ateam%2Fapp%3Apull "));
  EXPECT_THAT(server.requests().at(0), Not(HasSubstr("Authorization")));
}

TEST_F(Authorization, AFragmentOfTheRealmHidesNothing) {
  ScriptedServer server({answer("200 OK", R"({"token":"abc"})")});
  const std::vector<std::string> challenge = {"Bearer realm=\"" + server.url("/token?a=b#part") +
                                              "\",service=\"x\""};
  EXPECT_EQ(ASSERT_VALUE(make(std::nullopt).answer(challenge, kScope, "")), "Bearer abc");
  EXPECT_THAT(server.requests().at(0), HasSubstr("GET /token?a=b&service=x&scope=repository%3A"));
}

TEST_F(Authorization, TokensForAUser) {
  ScriptedServer server({answer("200 OK", R"({"access_token":"xyz"})")});
  Authorizer authorizer = make(RegistryCredentials{.user = "me", .password = "pw"});
  EXPECT_EQ(ASSERT_VALUE(authorizer.answer(bearer(server), kScope, "")), "Bearer xyz");
  EXPECT_THAT(server.requests().at(0), HasSubstr("Authorization: Basic bWU6cHc="));
}

TEST_F(Authorization, IdentityTokensArePosted) {
  ScriptedServer server({answer("200 OK", R"({"access_token":"xyz"})")});
  Authorizer authorizer = make(RegistryCredentials{.identity_token = "long-lived"});
  EXPECT_EQ(ASSERT_VALUE(authorizer.answer(bearer(server), kScope, "")), "Bearer xyz");
  EXPECT_THAT(server.requests().at(0), HasSubstr("POST /token HTTP/1.1"));
  EXPECT_THAT(server.requests().at(0), HasSubstr("grant_type=refresh_token&service=the%20service&"));
  EXPECT_THAT(server.requests().at(0), HasSubstr("&refresh_token=long-lived"));
}

TEST_F(Authorization, OtherTokenServersWantAPost) {
  ScriptedServer server(
      {answer("405 Method Not Allowed", ""), answer("200 OK", R"({"access_token":"xyz"})")});
  Authorizer authorizer = make(RegistryCredentials{.user = "me", .password = "pw"});
  EXPECT_EQ(ASSERT_VALUE(authorizer.answer(bearer(server), kScope, "")), "Bearer xyz");
}

TEST_F(Authorization, ARefusedTokenIsRenewed) {
  ScriptedServer server({answer("200 OK", R"({"token":"one"})"), answer("200 OK", R"({"token":"two"})"),
                         answer("200 OK", R"({"token":"two"})")});
  Authorizer authorizer = make(std::nullopt);
  EXPECT_EQ(ASSERT_VALUE(authorizer.answer(bearer(server), kScope, "")), "Bearer one");
  // Somebody who was refused without one takes it.
  EXPECT_EQ(ASSERT_VALUE(authorizer.answer(bearer(server), kScope, "")), "Bearer one");
  EXPECT_EQ(ASSERT_VALUE(authorizer.answer(bearer(server), kScope, "Bearer one")), "Bearer two");
  // The same again is no use.
  EXPECT_THAT(error_of(authorizer.answer(bearer(server), kScope, "Bearer two")),
              HasSubstr("refuses the credentials"));
}

TEST_F(Authorization, BearerIsPreferred) {
  ScriptedServer server({answer("200 OK", R"({"token":"abc"})")});
  Authorizer authorizer = make(RegistryCredentials{.user = "me", .password = "pw"});
  std::vector<std::string> challenges = bearer(server);
  challenges.insert(challenges.begin(), "Basic realm=\"x\"");
  EXPECT_EQ(ASSERT_VALUE(authorizer.answer(challenges, kScope, "")), "Bearer abc");
}

TEST_F(Authorization, BasicNeedsAUser) {
  Authorizer nobody = make(std::nullopt);
  const std::vector<std::string> challenges = {"Basic realm=\"x\""};
  EXPECT_THAT(error_of(nobody.answer(challenges, kScope, "")), HasSubstr("none are configured"));
  Authorizer somebody = make(RegistryCredentials{.user = "me", .password = "pw"});
  EXPECT_EQ(ASSERT_VALUE(somebody.answer(challenges, kScope, "")), "Basic bWU6cHc=");
  EXPECT_THAT(error_of(somebody.answer(challenges, kScope, "Basic bWU6cHc=")), HasSubstr("refuses"));
}

TEST_F(Authorization, CredentialsAreNotSentWhereTheyMustNot) {
  ScriptedServer server({answer("200 OK", R"({"token":"abc"})")});
  for (const RegistryCredentials& credentials :
       {RegistryCredentials{.user = "me", .password = "pw"}, RegistryCredentials{.identity_token = "t"},
        RegistryCredentials{.registry_token = "t"}}) {
    Authorizer authorizer = make(credentials, false);
    EXPECT_THAT(error_of(authorizer.answer(bearer(server), kScope, "")), HasSubstr("are not sent to"));
  }
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(Authorization, BadAnswers) {
  for (const char* body :
       {"", "[]", "{}", R"({"token":""})", R"({"token":"a\nb"})", R"({"token":7})", "no json"}) {
    ScriptedServer server({answer("200 OK", body)});
    Authorizer authorizer = make(std::nullopt);
    EXPECT_FALSE(authorizer.answer(bearer(server), kScope, "")) << body;
  }
  ScriptedServer server({answer("403 Forbidden", R"({"details":"go away"})")});
  Authorizer authorizer = make(std::nullopt);
  EXPECT_THAT(error_of(authorizer.answer(bearer(server), kScope, "")), HasSubstr("403 (go away)"));
}

TEST_F(Authorization, BadChallenges) {
  Authorizer authorizer = make(std::nullopt);
  EXPECT_THAT(error_of(authorizer.answer({}, kScope, "")), HasSubstr("not in a way that is supported"));
  const std::vector<std::string> file = {"Bearer realm=\"file:///etc/passwd\""};
  EXPECT_THAT(error_of(authorizer.answer(file, kScope, "")), HasSubstr("not a URL"));
}

}  // namespace
}  // namespace agena::stage0
