#include "stage0/registry/credential_helper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "common/sys/fs.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using ::agena::testing::error_of;
using ::testing::HasSubstr;

class CredentialHelper : public ::testing::Test {
 protected:
  void SetUp() override {
    old_path_ = ::getenv("PATH");
    ::setenv("PATH", (temp_.path() + ":relative:" + old_path_).c_str(), 1);
  }
  void TearDown() override { ::setenv("PATH", old_path_.c_str(), 1); }
  void script(const std::string& name, const std::string& body) {
    ASSERT_TRUE(sys::write_file(temp_.dir(), "docker-credential-" + name, "#!/bin/sh\n" + body, 0755));
  }
  test::TempDir temp_;
  std::string old_path_;
};

TEST_F(CredentialHelper, IsAskedForAServer) {
  script("good", R"(read s; echo "{\"Username\":\"$1\",\"Secret\":\"$s\"}")");
  const auto found = ASSERT_VALUE(ask_credential_helper("good", "registry.test"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->user, "get");
  EXPECT_EQ(found->password, "registry.test");
}

TEST_F(CredentialHelper, IdentityTokens) {
  script("token", R"(echo '{"Username":"<token>","Secret":"long"}')");
  EXPECT_EQ(ASSERT_VALUE(ask_credential_helper("token", "x")),
            (RegistryCredentials{.identity_token = "long"}));
}

TEST_F(CredentialHelper, MayKnowNothing) {
  script("none", "echo 'credentials not found in native keychain'; exit 1");
  EXPECT_EQ(ASSERT_VALUE(ask_credential_helper("none", "x")), std::nullopt);
}

TEST_F(CredentialHelper, FailuresDoNotQuoteIt) {
  script("bad", "echo secret; exit 1");
  EXPECT_THAT(error_of(ask_credential_helper("bad", "x")), ::testing::Not(HasSubstr("secret")));
  script("text", "echo secret");
  EXPECT_THAT(error_of(ask_credential_helper("text", "x")), HasSubstr("not a JSON object"));
}

TEST_F(CredentialHelper, IsNotWaitedForForever) {
  script("slow", "exec sleep 600");
  EXPECT_THAT(error_of(ask_credential_helper("slow", "x", kSecond / 10)), HasSubstr("no answer in time"));
}

TEST_F(CredentialHelper, NorForItsEndAfterTheAnswer) {
  script("lingers", "echo '{\"Username\":\"u\",\"Secret\":\"s\"}'; exec >&-; exec sleep 600");
  EXPECT_THAT(error_of(ask_credential_helper("lingers", "host", kSecond)), HasSubstr("does not end in time"));
}

TEST_F(CredentialHelper, NamesArePlain) {
  for (const char* name : {"", "../x", "a/b", "a b", ".x", "a;b"})
    EXPECT_THAT(error_of(ask_credential_helper(name, "x")), HasSubstr("not the name")) << name;
  EXPECT_THAT(error_of(ask_credential_helper("missing", "x")), HasSubstr("no program"));
}

}  // namespace
}  // namespace agena::stage0
