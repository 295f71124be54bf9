#include <string>

#include <gtest/gtest.h>

#include "manifests/schema/ac_name.h"
#include "manifests/schema/image_id.h"
#include "manifests/schema/labels.h"
#include "manifests/schema/semver.h"
#include "tests/support/result_matchers.h"

namespace agena::schema {
namespace {

using agena::testing::error_of;

TEST(AcNameTest, AcceptsWordsWithSingleDashes) {
  for (const char* good : {"a", "0", "redis", "my-app-1", "0-a", "80-tcp"})
    EXPECT_EQ(ASSERT_VALUE(AcName::parse(good)).str(), good);
}

TEST(AcNameTest, RefusesEverythingElse) {
  using namespace std::string_literals;
  for (const std::string& bad : {""s, "-"s, "-a"s, "a-"s, "a--b"s, "A"s, "a.b"s, "a/b"s, "a b"s, "a\n"s,
                                 "a\0"s, "ä"s, "."s, ".."s, "a_b"s})
    EXPECT_FALSE(AcName::parse(bad)) << bad;
  EXPECT_EQ(error_of(AcName::parse("a\x1b")),
            "expected a name (lower-case letters and digits, single dashes between them), found 'a\\x1b'");
}

TEST(AcNameTest, SanitisesAnyText) {
  const auto sanitised = [](std::string_view text) { return AcName::sanitised(text); };
  EXPECT_EQ(ASSERT_VALUE(sanitised("My_App.1")).str(), "my-app-1");
  EXPECT_EQ(ASSERT_VALUE(sanitised("--a__b--")).str(), "a-b");
  EXPECT_EQ(ASSERT_VALUE(sanitised("/var/lib/data")).str(), "var-lib-data");
  EXPECT_EQ(ASSERT_VALUE(sanitised("grün")).str(), "gr-n");
  EXPECT_EQ(error_of(sanitised("--_--")), "no name can be made of '--_--' (it has no letter and no digit)");
  EXPECT_FALSE(sanitised(""));
}

TEST(AcIdentifierTest, AcceptsSeparators) {
  for (const char* good : {"a", "example.com/reduce-worker", "a-b.c_d~e/f", "localhost/x", "1.2.3"})
    EXPECT_EQ(ASSERT_VALUE(AcIdentifier::parse(good)).str(), good);
  for (const char* bad : {"", "/a", "a/", "a//b", "a../b", "a:b", "A", "example.com/a b", "a@b", "a+b"})
    EXPECT_FALSE(AcIdentifier::parse(bad)) << bad;
}

TEST(AcIdentifierTest, SanitisesAndNamesTheLastElement) {
  EXPECT_EQ(ASSERT_VALUE(AcIdentifier::sanitised("Registry:5000/Lib//x@y")).str(), "registry_5000/lib/x_y");
  EXPECT_EQ(ASSERT_VALUE(AcIdentifier::parse("example.com/a/b")).last_element(), "b");
  EXPECT_EQ(ASSERT_VALUE(AcIdentifier::parse("busybox")).last_element(), "busybox");
}

TEST(ImageIdTest, TakesKeysAndFullIds) {
  const std::string full = "sha512-" + std::string(64, 'a') + std::string(64, 'b');
  const ImageId id = ASSERT_VALUE(ImageId::parse(full));
  EXPECT_EQ(id.str(), full);
  EXPECT_FALSE(id.is_key());
  EXPECT_EQ(id.key().str(), "sha512-" + std::string(64, 'a'));
  EXPECT_TRUE(id.key().is_key());
  EXPECT_EQ(id.key().key(), id.key());
  EXPECT_EQ(ASSERT_VALUE(ImageId::parse(id.key().str())), id.key());
  EXPECT_NE(id, id.key());
}

TEST(ImageIdTest, RefusesOtherForms) {
  const std::string hex(64, 'a');
  for (const std::string& bad : {std::string(), hex, "sha256-" + hex, "sha512:" + hex, "sha512-" + hex + "a",
                                 "sha512-" + hex.substr(1), "SHA512-" + hex, "sha512-" + hex.substr(1) + "A",
                                 "sha512-../" + hex.substr(3), "sha512-" + hex.substr(1) + "g"})
    EXPECT_FALSE(ImageId::parse(bad)) << bad;
}

TEST(ImageIdTest, MakesKeysOfDigests) {
  std::string digest(64, '\xab');
  digest[32] = '\x00';
  EXPECT_EQ(ASSERT_VALUE(ImageId::key_of_sha512(digest)).hex(),
            "abababababababababababababababababababababababababababababababab");
  EXPECT_FALSE(ImageId::key_of_sha512(digest.substr(1)));
}

TEST(ImageIdTest, ReadsPrefixes) {
  EXPECT_TRUE(looks_like_image_id("sha512-"));
  EXPECT_FALSE(looks_like_image_id("sha512"));
  EXPECT_EQ(ASSERT_VALUE(parse_image_id_prefix("sha512-ab")), "sha512-ab");
  EXPECT_EQ(ASSERT_VALUE(parse_image_id_prefix("sha512-" + std::string(128, 'c'))),
            "sha512-" + std::string(64, 'c'));
  EXPECT_EQ(error_of(parse_image_id_prefix("sha512-a")),
            "image ID too short: 'sha512-a' (at least 2 digits)");
  EXPECT_FALSE(parse_image_id_prefix("sha512-aG"));
  EXPECT_FALSE(parse_image_id_prefix("sha512-" + std::string(129, 'c')));
  EXPECT_FALSE(parse_image_id_prefix("abcd"));
}

TEST(SemverTest, ReadsAndWrites) {
  for (const char* good : {"0.8.11", "1.0.0-alpha.1+build.007", "1.2.3+a-b", "10.20.30-x-y", "0.0.0-0",
                           "18446744073709551615.0.0"})
    EXPECT_EQ(ASSERT_VALUE(Semver::parse(good)).str(), good);
  const Semver version = ASSERT_VALUE(Semver::parse("1.2.3-rc.1+meta"));
  EXPECT_EQ(version.major_part(), 1U);
  EXPECT_EQ(version.minor_part(), 2U);
  EXPECT_EQ(version.patch_part(), 3U);
  EXPECT_EQ(version.prerelease(), "rc.1");
  EXPECT_EQ(version.metadata(), "meta");
  EXPECT_EQ(Semver::appc().str(), "0.8.11");
}

TEST(SemverTest, RefusesOtherForms) {
  for (const char* bad :
       {"", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.02.3", "1.2.3-", "1.2.3+", "1.2.3-01", "1.2.3-a..b",
        "1.2.3-ü", "1.2.-3", "1.2.3 ", "+1.2.3", "18446744073709551616.0.0", "1.2.3-a+b+c"})
    EXPECT_FALSE(Semver::parse(bad)) << bad;
}

TEST(SemverTest, OrdersByPrecedence) {
  // The example of clause 11, and the parts.
  const std::vector<const char*> ascending = {
      "1.0.0-1",    "1.0.0-2",      "1.0.0-10",      "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta",
      "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",  "1.0.0",         "1.0.1",
      "1.1.0",      "2.0.0",        "10.0.0"};
  for (std::size_t i = 0; i < ascending.size(); ++i)
    for (std::size_t j = 0; j < ascending.size(); ++j)
      EXPECT_TRUE(Semver::compare(ASSERT_VALUE(Semver::parse(ascending[i])),
                                  ASSERT_VALUE(Semver::parse(ascending[j]))) == (i <=> j))
          << ascending[i] << " and " << ascending[j];
  EXPECT_TRUE(
      Semver::compare(ASSERT_VALUE(Semver::parse("1.0.0+a")), ASSERT_VALUE(Semver::parse("1.0.0+b"))) == 0);
  EXPECT_NE(ASSERT_VALUE(Semver::parse("1.0.0+a")), ASSERT_VALUE(Semver::parse("1.0.0+b")));
}

TEST(LabelsTest, KeepsNamesUnique) {
  const auto name = [](const char* text) { return *AcIdentifier::parse(text); };
  Labels labels;
  EXPECT_TRUE(labels.empty());
  EXPECT_TRUE(labels.add(name("os"), "linux"));
  EXPECT_EQ(error_of(labels.add(name("os"), "freebsd")), "duplicate label 'os'");
  labels.set(name("arch"), "amd64");
  labels.set(name("os"), "darwin");
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels.begin()->name, "os") << "set() keeps the place";
  EXPECT_EQ(*labels.find("os"), "darwin");
  EXPECT_EQ(labels.find("version"), nullptr);
  EXPECT_TRUE(labels.erase("os"));
  EXPECT_FALSE(labels.erase("os"));
  EXPECT_EQ(labels.size(), 1U);
  Annotations annotations;
  EXPECT_TRUE(annotations.add(name("a"), ""));
  EXPECT_EQ(error_of(annotations.add(name("a"), "")), "duplicate annotation 'a'");
}

}  // namespace
}  // namespace agena::schema
