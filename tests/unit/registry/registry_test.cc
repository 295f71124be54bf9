#include "stage0/registry/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "stage0/registry/remote_image.h"
#include "stage0/unpack/hash.h"
#include "tests/support/result_matchers.h"
#include "tests/unit/registry/loopback.h"

namespace agena::stage0 {
namespace {

using ::agena::test::answer;
using ::agena::test::client_of;
using ::agena::test::ScriptedServer;
using ::agena::testing::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kManifestType = "Content-Type: application/vnd.oci.image.manifest.v1+json\r\n";
const std::string kManifest =
    R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:)" +
    std::string(64, 'a') + R"(","size":2},"layers":[]})";

class Registry : public ::testing::Test {
 protected:
  HttpClient http_{test::loopback_settings()};
};

TEST_F(Registry, Manifests) {
  ScriptedServer server({answer("200 OK", kManifest, kManifestType)});
  const RemoteManifest manifest = ASSERT_VALUE(client_of(http_, server)->manifest("latest"));
  EXPECT_EQ(manifest.bytes, kManifest);
  EXPECT_EQ(manifest.descriptor.digest, hash_of(HashAlgorithm::kSha256, kManifest));
  EXPECT_THAT(server.requests().at(0), HasSubstr("GET /v2/team/app/manifests/latest HTTP/1.1"));
  EXPECT_THAT(server.requests().at(0),
              HasSubstr("application/vnd.docker.distribution.manifest.list.v2+json"));
}

TEST_F(Registry, ManifestDigestsMustHold) {
  const std::string other = "sha256:" + std::string(64, '0');
  ScriptedServer pinned({answer("200 OK", kManifest, kManifestType)});
  EXPECT_THAT(error_of(client_of(http_, pinned)->manifest(other)), HasSubstr("has the digest"));
  ScriptedServer stated(
      {answer("200 OK", kManifest, kManifestType + ("Docker-Content-Digest: " + other + "\r\n"))});
  EXPECT_THAT(error_of(client_of(http_, stated)->manifest("latest")), HasSubstr("has the digest"));
}

TEST_F(Registry, WhatIsNoImageIsToldSo) {
  ScriptedServer old({answer("200 OK", "{}",
                             "Content-Type: application/vnd.docker.distribution.manifest.v1+prettyjws\r\n")});
  EXPECT_THAT(error_of(client_of(http_, old)->manifest("x")), HasSubstr("schema 1"));
  ScriptedServer page({answer("200 OK", "<html>", "Content-Type: text/html\r\n")});
  EXPECT_THAT(error_of(client_of(http_, page)->manifest("x")), HasSubstr("not an image"));
}

TEST_F(Registry, TypesThatSayNothing) {
  ScriptedServer server({answer("200 OK", kManifest, "Content-Type: application/json; charset=utf-8\r\n")});
  EXPECT_EQ(ASSERT_VALUE(client_of(http_, server)->manifest("x")).descriptor.media_type,
            "application/vnd.oci.image.manifest.v1+json");
}

TEST_F(Registry, ManifestsAreLimited) {
  ScriptedServer server({answer("200 OK", std::string(kMaxOciDocument + 1, ' '), kManifestType)});
  EXPECT_THAT(error_of(client_of(http_, server)->manifest("x")), HasSubstr("limit of 4194304 bytes"));
}

TEST_F(Registry, DocumentsMustBeWhatTheyAreSaidToBe) {
  const OciDescriptor config{.media_type = "application/vnd.oci.image.config.v1+json",
                             .digest = hash_of(HashAlgorithm::kSha256, "{}"),
                             .size = 2};
  // The first request finds out how the server is spoken to.
  ScriptedServer good({answer("200 OK", "{}")});
  EXPECT_EQ(ASSERT_VALUE(client_of(http_, good)->document(config)), "{}");
  EXPECT_THAT(good.requests().at(0), HasSubstr("/v2/team/app/blobs/sha256:"));
  ScriptedServer other({answer("200 OK", "[]")});
  EXPECT_THAT(error_of(client_of(http_, other)->document(config)), HasSubstr("has the digest"));
  ScriptedServer longer({answer("200 OK", "{} ")});
  EXPECT_FALSE(client_of(http_, longer)->document(config));
  ScriptedServer shorter({answer("200 OK", "{")});
  EXPECT_THAT(error_of(client_of(http_, shorter)->document(config)),
              HasSubstr("1 bytes instead of the stated 2"));
}

TEST_F(Registry, IndexesLeadToTheirPlatform) {
  const auto entry = [](const std::string& arch, char digit) {
    return R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","size":7,"digest":"sha256:)" +
           std::string(64, digit) + R"(","platform":{"os":"linux","architecture":")" + arch + R"("}})";
  };
  const std::string index =
      R"({"schemaVersion":2,"manifests":[)" + entry("amd64", '1') + "," + entry("arm64", '2') + "]}";
  const std::string type = "Content-Type: application/vnd.oci.image.index.v1+json\r\n";
  ScriptedServer server({answer("200 OK", index, type), answer("200 OK", index, type)});
  const auto client = client_of(http_, server);
  const RemoteImage image =
      ASSERT_VALUE(find_remote_image(*client, "x", {.os = "linux", .arch = "arm64", .variant = "v8"}));
  EXPECT_EQ(image.manifest.digest.hex(), std::string(64, '2'));
  EXPECT_FALSE(image.bytes);
  EXPECT_EQ(server.requests().size(), 1U);
  EXPECT_THAT(error_of(find_remote_image(*client, "x", {.os = "linux", .arch = "s390x", .variant = {}})),
              HasSubstr("there is linux/amd64, linux/arm64"));
}

TEST_F(Registry, TagsByPages) {
  const std::string link = "Link: </v2/team/app/tags/list?n=2&last=b>; rel=\"next\"\r\n";
  ScriptedServer server({answer("200 OK", R"({"name":"team/app","tags":["a","b"]})", link),
                         answer("200 OK", R"({"name":"team/app","tags":["c"]})")});
  EXPECT_THAT(ASSERT_VALUE(client_of(http_, server)->tags()), ElementsAre("a", "b", "c"));
  EXPECT_THAT(server.requests().at(1), HasSubstr("GET /v2/team/app/tags/list?n=2&last=b "));
}

TEST_F(Registry, TagsOfNothing) {
  ScriptedServer server({answer("200 OK", R"({"name":"team/app","tags":null})")});
  EXPECT_THAT(ASSERT_VALUE(client_of(http_, server)->tags()), ElementsAre());
}

TEST_F(Registry, PagesStayAtTheirServer) {
  ScriptedServer server(
      {answer("200 OK", R"({"tags":["a"]})", "Link: <http://127.0.0.2:1/x>; rel=\"next\"\r\n")});
  EXPECT_THAT(error_of(client_of(http_, server)->tags()), HasSubstr("goes on at another server"));
}

// A registry that redirects to somebody who asks for who we are.
TEST_F(Registry, OnlyTheRegistryItselfMayAskWhoWeAre) {
  const auto give = [](const std::string&, const std::string&) -> Result<std::optional<RegistryCredentials>> {
    return RegistryCredentials{.user = "me", .password = "secret"};
  };
  const auto run = [&](const std::string& status, const auto& ask) {
    ScriptedServer thief({});
    const std::string realm = "WWW-Authenticate: Bearer realm=\"" + thief.url("/t") + "\"\r\n";
    ScriptedServer other({answer("401 Unauthorized", "", realm)});
    ScriptedServer server({answer(status, "", "Location: " + other.url("/y") + "\r\n")});
    EXPECT_THAT(ask(*client_of(http_, server, give)), HasSubstr("bad HTTP status code: 401"));
    EXPECT_EQ(other.requests().size(), 1U);
    EXPECT_EQ(thief.requests().size(), 0U);
  };
  run("307 Temporary Redirect", [](RegistryClient& client) { return error_of(client.manifest("x")); });
  run("302 Found", [](RegistryClient& client) { return error_of(client.tags()); });
  // Blobs have a way of their own, after the first contact.
  ScriptedServer thief({});
  ScriptedServer other(
      {answer("401 Unauthorized", "", "WWW-Authenticate: Bearer realm=\"" + thief.url("/t") + "\"\r\n")});
  ScriptedServer server({answer("200 OK", kManifest, kManifestType),
                         answer("307 Temporary Redirect", "", "Location: " + other.url("/y") + "\r\n")});
  const auto client = client_of(http_, server, give);
  ASSERT_TRUE(client->manifest("x"));
  const auto blob =
      client->blob({.media_type = {}, .digest = hash_of(HashAlgorithm::kSha256, "{}"), .size = 2}, 0);
  std::array<char, 8> buffer{};
  EXPECT_THAT(error_of(blob->read(buffer)), HasSubstr("bad HTTP status code: 401"));
  EXPECT_EQ(other.requests().size(), 1U);
  EXPECT_EQ(thief.requests().size(), 0U);
}

TEST_F(Registry, ARefusalIsAnsweredOnce) {
  const std::string basic = "WWW-Authenticate: Basic realm=\"x\"\r\n";
  ScriptedServer server({answer("401 Unauthorized", "", basic), answer("401 Unauthorized", "", basic),
                         answer("200 OK", kManifest, kManifestType)});
  const auto client =
      client_of(http_, server,
                [](const std::string&, const std::string&) -> Result<std::optional<RegistryCredentials>> {
                  return RegistryCredentials{.user = "me", .password = "secret"};
                });
  const std::string error = error_of(client->manifest("x"));
  EXPECT_THAT(error, HasSubstr("401"));
  EXPECT_THAT(error, ::testing::Not(HasSubstr("secret")));
  EXPECT_EQ(server.requests().size(), 2U);
}

}  // namespace
}  // namespace agena::stage0
