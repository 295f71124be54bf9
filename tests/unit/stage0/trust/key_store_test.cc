#include "stage0/trust/key_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kOne = std::string(40, '1');
const std::string kTwo = std::string(40, '2');

class KeyStore : public ::testing::Test {
 protected:
  void put(const std::string& path, const std::string& text) {
    ASSERT_TRUE(test::ok(sys::make_dirs(temp_.dir(), path.substr(0, path.rfind('/')))));
    ASSERT_TRUE(test::ok(sys::write_file(temp_.dir(), path, text)));
  }
  // "PREFIX FINGERPRINT DIRECTORY" of each.
  std::vector<std::string> listed() const {
    std::vector<std::string> lines;
    const auto keys = list_trusted_keys(directories());
    if (!keys) return {keys.error().to_string()};
    for (const TrustedKey& key : *keys)
      lines.push_back(key.prefix + " " + key.fingerprint.substr(0, 1) + (key.local ? " local" : " system"));
    return lines;
  }
  KeyStoreDirectories directories() const {
    return {.system = temp_.path() + "/system", .local = temp_.path() + "/local"};
  }
  test::TempDir temp_;
};

TEST_F(KeyStore, IsEmptyWithoutDirectories) { EXPECT_THAT(listed(), IsEmpty()); }

TEST_F(KeyStore, HoldsRootAndPrefixKeysOfBothDirectories) {
  put("system/trustedkeys/root.d/" + kOne, "key");
  put("system/trustedkeys/prefix.d/example.com/app/" + kOne, "key");
  put("local/trustedkeys/prefix.d/example.com/" + kTwo, "key");
  EXPECT_THAT(listed(), ElementsAre(" 1 system", "example.com 2 local", "example.com/app 1 system"));
}

TEST_F(KeyStore, LocalFilesWinAndEmptyOnesMask) {
  put("system/trustedkeys/root.d/" + kOne, "key");
  put("system/trustedkeys/root.d/" + kTwo, "key");
  put("local/trustedkeys/root.d/" + kOne, "");
  put("local/trustedkeys/root.d/" + kTwo, "other");
  EXPECT_THAT(listed(), ElementsAre(" 2 local"));
}

TEST_F(KeyStore, OtherFilesAreNoKeys) {
  put("local/trustedkeys/root.d/" + kOne + "~", "backup");
  put("local/trustedkeys/root.d/README", "text");
  put("local/trustedkeys/root.d/" + std::string(40, 'A'), "upper case");
  put("local/trustedkeys/prefix.d/" + kOne, "a key for no prefix");
  EXPECT_THAT(listed(), IsEmpty());
}

TEST_F(KeyStore, AddsAndRemoves) {
  const auto path = ASSERT_VALUE(add_trusted_key(directories(), "example.com/app", kOne, "armoured"));
  EXPECT_EQ(path, temp_.path() + "/local/trustedkeys/prefix.d/example.com/app/" + kOne);
  EXPECT_EQ(*sys::read_file(sys::at_cwd(), path), "armoured");
  EXPECT_EQ(sys::stat_at(sys::at_cwd(), path)->st_mode & 07777U, 0644U);
  EXPECT_THAT(listed(), ElementsAre("example.com/app 1 local"));
  EXPECT_THAT(error_of(remove_trusted_key(directories(), "example.com", kOne)),
              HasSubstr("is not trusted for prefix 'example.com'"));
  ASSERT_TRUE(test::ok(remove_trusted_key(directories(), "example.com/app", kOne)));
  EXPECT_THAT(listed(), IsEmpty());
  EXPECT_FALSE(*sys::exists(sys::at_cwd(), path));
}

TEST_F(KeyStore, RemovingAKeyOfTheSystemMasksIt) {
  put("system/trustedkeys/root.d/" + kOne, "key");
  ASSERT_TRUE(test::ok(remove_trusted_key(directories(), "", kOne)));
  EXPECT_THAT(listed(), IsEmpty());
  EXPECT_EQ(sys::stat_at(sys::at_cwd(), temp_.path() + "/local/trustedkeys/root.d/" + kOne)->st_size, 0);
}

TEST_F(KeyStore, PrefixesAreNames) {
  for (const char* prefix : {"../up", "/etc", "Example.com", "a//b", "a/../b"})
    EXPECT_FALSE(add_trusted_key(directories(), prefix, kOne, "key").has_value()) << prefix;
}

TEST(PrefixCovers, WholeElements) {
  EXPECT_TRUE(prefix_covers("", "example.com/app"));
  EXPECT_TRUE(prefix_covers("example.com", "example.com"));
  EXPECT_TRUE(prefix_covers("example.com", "example.com/app/part"));
  EXPECT_TRUE(prefix_covers("example.com/app", "example.com/app"));
  EXPECT_FALSE(prefix_covers("example.com/app", "example.com/application"));
  EXPECT_FALSE(prefix_covers("example.com/app", "example.com"));
  EXPECT_FALSE(prefix_covers("example.com", "example.com.evil/app"));
}

}  // namespace
}  // namespace agena::stage0
