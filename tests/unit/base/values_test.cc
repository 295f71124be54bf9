// Digests, UUIDs, tables and the scope guard.
#include <array>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "common/base/cleanup.h"
#include "common/base/digest.h"
#include "common/base/table.h"
#include "common/base/uuid.h"
#include "tests/support/result_matchers.h"

namespace agena {
namespace {

using agena::testing::error_of;

TEST(DigestTest, TakesBothAlgorithms) {
  const std::string sha256 = "sha256:" + std::string(64, 'a');
  const Digest digest = ASSERT_VALUE(Digest::parse(sha256));
  EXPECT_EQ(digest.algorithm(), "sha256");
  EXPECT_EQ(digest.hex(), std::string(64, 'a'));
  EXPECT_EQ(digest.str(), sha256);
  EXPECT_EQ(digest.file_name(), "sha256-" + std::string(64, 'a'));
  EXPECT_TRUE(Digest::parse("sha512:" + std::string(128, '0')));
  EXPECT_EQ(ASSERT_VALUE(Digest::from_bytes("sha256", std::string(32, '\xaa'))), digest);
  EXPECT_FALSE(Digest::from_bytes("sha256", std::string(31, '\xaa')));
}

TEST(DigestTest, RefusesOtherForms) {
  for (const std::string& bad :
       {std::string(), std::string("sha256"), "sha256:" + std::string(63, 'a'),
        "sha256:" + std::string(65, 'a'), "sha256:" + std::string(64, 'A'), "sha512:" + std::string(64, 'a'),
        "md5:" + std::string(32, 'a'), "sha256:../" + std::string(61, 'a'), "sha256-" + std::string(64, 'a'),
        "sha256:" + std::string(63, 'a') + "\n", " sha256:" + std::string(64, 'a')})
    EXPECT_FALSE(Digest::parse(bad)) << bad;
  EXPECT_EQ(error_of(Digest::parse("md5:00")),
            "digest algorithm 'md5' is not supported (sha256 and sha512 are)");
}

TEST(UuidTest, HasOneSpelling) {
  const Uuid uuid = ASSERT_VALUE(Uuid::parse("6BA7B810-9dad-11d1-80b4-00c04fd430c8"));
  EXPECT_EQ(uuid.str(), "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  EXPECT_EQ(uuid.short_form(), "6ba7b810");
  EXPECT_EQ(uuid.without_dashes(), "6ba7b8109dad11d180b400c04fd430c8");
  for (const char* bad :
       {"", "6ba7b810", "6ba7b8109dad11d180b400c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c88", "6ba7b810-9dad-11d1-80b4_00c04fd430c8",
        "6ba7b810-9dad-11d1-80b4-00c04fd430cg", "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}"})
    EXPECT_FALSE(Uuid::parse(bad)) << bad;
}

TEST(UuidTest, MakesRandomVersionFour) {
  std::set<Uuid> seen;
  for (int i = 0; i < 1000; ++i) {
    const Uuid uuid = ASSERT_VALUE(Uuid::random());
    EXPECT_EQ(ASSERT_VALUE(Uuid::parse(uuid.str())), uuid);
    EXPECT_EQ(uuid.str()[14], '4');
    EXPECT_NE(std::string("89ab").find(uuid.str()[19]), std::string::npos);
    seen.insert(uuid);
  }
  EXPECT_EQ(seen.size(), 1000U);
}

struct Row {
  std::string_view name;
  int value;
};
constexpr std::array kSorted = {Row{"a", 1}, Row{"b", 2}, Row{"bb", 3}, Row{"c", 2}};
constexpr std::array kTwice = {Row{"a", 1}, Row{"a", 2}};
constexpr std::array kUnsorted = {Row{"b", 1}, Row{"a", 2}};
static_assert(sorted_by_name(kSorted));
static_assert(!sorted_by_name(kTwice));
static_assert(!sorted_by_name(kUnsorted));
static_assert(sorted_by_name(std::array<Row, 0>{}));

TEST(TableTest, FindsRows) {
  for (const Row& row : kSorted) EXPECT_EQ(find_by_name(kSorted, row.name), &row);
  for (const char* name : {"", "0", "aa", "d"}) EXPECT_EQ(find_by_name(kSorted, name), nullptr) << name;
  EXPECT_EQ(find_by_value(kSorted, 2), &kSorted[1]) << "the first";
  EXPECT_EQ(find_by_value(kSorted, 9), nullptr);
}

TEST(CleanupTest, RunsOnceUnlessDismissed) {
  int runs = 0;
  {
    const Cleanup cleanup([&]() noexcept { ++runs; });
  }
  EXPECT_EQ(runs, 1);
  {
    Cleanup cleanup([&]() noexcept { ++runs; });
    cleanup.dismiss();
  }
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace agena
