#include "stage0/registry/push.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stage0/unpack/hash.h"
#include "tests/support/result_matchers.h"
#include "tests/unit/registry/loopback.h"

namespace agena::stage0 {
namespace {

using ::agena::test::answer;
using ::agena::test::client_of;
using ::agena::test::ScriptedServer;
using ::agena::testing::error_of;
using ::testing::HasSubstr;

class Push : public ::testing::Test {
 protected:
  static PushBlob blob(const std::string& mount_from = {}) {
    return {.digest = hash_of(HashAlgorithm::kSha256, "content"),
            .size = 7,
            .open = []() -> Result<std::unique_ptr<ByteSource>> {
              return std::make_unique<StringSource>("content");
            },
            .mount_from = mount_from};
  }
  HttpClient http_{test::loopback_settings()};
};

TEST_F(Push, WhatIsThereIsNotSent) {
  ScriptedServer server({answer("200 OK", "")});
  EXPECT_EQ(ASSERT_VALUE(push_blob(*client_of(http_, server), blob())), PushedBlob::kPresent);
  EXPECT_THAT(server.requests().at(0), HasSubstr("HEAD /v2/team/app/blobs/sha256:"));
}

TEST_F(Push, Uploads) {
  ScriptedServer server({"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                         answer("202 Accepted", "", "Location: /up/1?state=x\r\n"),
                         answer("201 Created", "")});
  std::uint64_t sent = 0;
  EXPECT_EQ(ASSERT_VALUE(push_blob(*client_of(http_, server), blob(), [&](std::uint64_t n) { sent = n; })),
            PushedBlob::kUploaded);
  EXPECT_EQ(sent, 7U);
  EXPECT_THAT(server.requests().at(1), HasSubstr("POST /v2/team/app/blobs/uploads/ HTTP/1.1"));
  EXPECT_THAT(server.requests().at(2), HasSubstr("PUT /up/1?state=x&digest=sha256%3A"));
  EXPECT_THAT(server.requests().at(2), HasSubstr("Content-Length: 7\r\n"));
}

// As a token that has expired since the upload began; the content that was sent cannot be sent again from
// where it was read.
TEST_F(Push, BeginsAnewWhenItHasToSayWhoItIs) {
  const std::string none = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  ScriptedServer server({none, answer("202 Accepted", "", "Location: /up/1\r\n"),
                         answer("401 Unauthorized", "", "WWW-Authenticate: Basic realm=\"x\"\r\n"), none,
                         answer("202 Accepted", "", "Location: /up/2\r\n"), answer("201 Created", "")});
  const CredentialSource credentials = [](auto&&...) -> Result<std::optional<RegistryCredentials>> {
    return RegistryCredentials{.user = "u", .password = "p"};
  };
  EXPECT_EQ(ASSERT_VALUE(push_blob(*client_of(http_, server, credentials), blob())), PushedBlob::kUploaded);
  ASSERT_EQ(server.requests().size(), 6U);
  EXPECT_THAT(server.requests().at(5), HasSubstr("PUT /up/2"));
  EXPECT_THAT(server.requests().at(5), HasSubstr("Authorization: Basic"));
}

TEST_F(Push, ALostAnswerIsNoReasonToSendItAgain) {
  ScriptedServer server({"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                         answer("202 Accepted", "", "Location: /up/1\r\n"), "", answer("200 OK", "")});
  EXPECT_EQ(ASSERT_VALUE(push_blob(*client_of(http_, server), blob())), PushedBlob::kUploaded);
  EXPECT_EQ(server.requests().size(), 4U);
  EXPECT_THAT(server.requests().at(3), HasSubstr("HEAD /v2/team/app/blobs/sha256:"));
}

TEST_F(Push, Mounts) {
  ScriptedServer server({"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                         answer("201 Created", "")});
  EXPECT_EQ(ASSERT_VALUE(push_blob(*client_of(http_, server), blob("other/app"))), PushedBlob::kMounted);
  EXPECT_THAT(server.requests().at(1), HasSubstr("?mount=sha256%3A"));
  EXPECT_THAT(server.requests().at(1), HasSubstr("&from=other%2Fapp"));
}

TEST_F(Push, RefusalsAreTold) {
  ScriptedServer server(
      {"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
       answer("405 Not Allowed", R"({"errors":[{"code":"UNSUPPORTED","message":"read only"}]})")});
  EXPECT_THAT(error_of(push_blob(*client_of(http_, server), blob())), HasSubstr("405 (read only)"));
}

TEST_F(Push, Manifests) {
  const std::string digest = hash_of(HashAlgorithm::kSha256, "{}").str();
  ScriptedServer server(
      {answer("201 Created", "", "Docker-Content-Digest: " + digest + "\r\n"),
       answer("201 Created", "", "Docker-Content-Digest: sha256:" + std::string(64, '0') + "\r\n")});
  const auto client = client_of(http_, server);
  EXPECT_TRUE(push_manifest(*client, "1", "a/b", "{}"));
  EXPECT_THAT(server.requests().at(0), HasSubstr("PUT /v2/team/app/manifests/1 HTTP/1.1"));
  EXPECT_THAT(server.requests().at(0), HasSubstr("Content-Type: a/b"));
  EXPECT_THAT(error_of(push_manifest(*client, "1", "a/b", "{}")), HasSubstr("has stored it as"));
}

}  // namespace
}  // namespace agena::stage0
