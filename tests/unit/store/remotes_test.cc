#include "stage0/store/remotes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>

#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

constexpr const char* kUrl = "https://example.com/app.aci?token=secret";

class Remotes : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = Store::open(temp_.path() + "/data", Store::Mode::kReadWrite);
    ASSERT_TRUE(test::ok(store));
    store_.emplace(*std::move(store));
  }
  std::string directory() const { return temp_.path() + "/data/cas/remotes"; }
  RemoteEntry entry() const {
    return {.shown = "https://example.com/app.aci",
            .image_id = "sha512-" + std::string(64, 'a'),
            .etag = "\"x\\y\"",
            .last_modified = "Wed, 21 Oct 2015 07:28:00 GMT",
            .fetched = 1'700'000'000'000'000'000,
            .max_age = 3600,
            .verified = true};
  }
  test::TempDir temp_;
  std::optional<Store> store_;
};

TEST_F(Remotes, AreRemembered) {
  EXPECT_EQ(*find_remote(*store_, kUrl), std::nullopt);
  ASSERT_TRUE(test::ok(remember_remote(*store_, kUrl, entry())));
  EXPECT_EQ(*find_remote(*store_, kUrl), entry());
  EXPECT_EQ(*find_remote(*store_, "https://example.com/app.aci"), std::nullopt);
  RemoteEntry other = entry();
  other.etag.clear();
  other.max_age = 0;
  other.verified = false;
  ASSERT_TRUE(test::ok(remember_remote(*store_, kUrl, other)));
  EXPECT_EQ(*find_remote(*store_, kUrl), other);
}

TEST_F(Remotes, HoldNoSecretOfTheUrl) {
  ASSERT_TRUE(test::ok(remember_remote(*store_, kUrl, entry())));
  const auto names = ASSERT_VALUE(sys::list_dir(sys::at_cwd(), directory()));
  ASSERT_EQ(names.size(), 1U);
  EXPECT_FALSE(sys::read_file(sys::at_cwd(), directory() + "/" + names.front())->contains("secret"));
}

TEST_F(Remotes, ThatCannotBeReadAreNone) {
  ASSERT_TRUE(test::ok(remember_remote(*store_, kUrl, entry())));
  const auto names = ASSERT_VALUE(sys::list_dir(sys::at_cwd(), directory()));
  for (const char* text : {"", "{", "[]", R"({"version":2,"fetched":1})", R"({"version":1,"fetched":"x"})"}) {
    ASSERT_TRUE(test::ok(sys::write_file(sys::at_cwd(), directory() + "/" + names.front(), text)));
    EXPECT_EQ(*find_remote(*store_, kUrl), std::nullopt) << text;
  }
}

TEST_F(Remotes, OfImagesThatAreGoneAreSwept) {
  ASSERT_TRUE(test::ok(sweep_remotes(*store_)));
  ASSERT_TRUE(test::ok(remember_remote(*store_, kUrl, entry())));
  ASSERT_TRUE(test::ok(sweep_remotes(*store_)));
  EXPECT_EQ(*find_remote(*store_, kUrl), std::nullopt);
}

TEST_F(Remotes, BeingWrittenAreLeftAlone) {
  ASSERT_TRUE(test::ok(remember_remote(*store_, kUrl, entry())));
  const std::string temporary = directory() + "/." + std::string(64, 'a') + ".tmp-1";
  ASSERT_TRUE(test::ok(sys::write_file(sys::at_cwd(), temporary, "{")));
  ASSERT_TRUE(test::ok(sweep_remotes(*store_)));
  EXPECT_EQ(*sys::exists(sys::at_cwd(), temporary), true);
  const std::array<timespec, 2> times = {timespec{.tv_sec = 1, .tv_nsec = 0},
                                         timespec{.tv_sec = 1, .tv_nsec = 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, temporary.c_str(), times.data(), 0), 0);
  ASSERT_TRUE(test::ok(sweep_remotes(*store_)));
  EXPECT_EQ(*sys::exists(sys::at_cwd(), temporary), false);
}

}  // namespace
}  // namespace agena::stage0
