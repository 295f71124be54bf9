#include "stage0/store/partials.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "stage0/unpack/byte_source.h"
#include "tests/support/result_matchers.h"
#include "tests/support/temp_dir.h"

namespace agena::stage0 {
namespace {

class Partials : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = Store::open(temp_.path() + "/data", Store::Mode::kReadWrite);
    ASSERT_TRUE(store) << testing::error_of(store);
    store_.emplace(*std::move(store));
  }
  test::TempDir temp_;
  std::optional<Store> store_;
};

constexpr std::string_view kText = "some bytes";

TEST_F(Partials, KeepWhatWasWritten) {
  {
    PartialFile file = ASSERT_VALUE(PartialFile::open(*store_, "key"));
    EXPECT_EQ(file.size(), 0U);
    ASSERT_TRUE(file.append(kText));
    ASSERT_TRUE(file.set_note("etag"));
  }
  PartialFile file = ASSERT_VALUE(PartialFile::open(*store_, "key"));
  EXPECT_EQ(file.size(), kText.size());
  EXPECT_EQ(ASSERT_VALUE(file.note()), "etag");
  EXPECT_EQ(ASSERT_VALUE(PartialFile::open(*store_, "other")).size(), 0U);
  ASSERT_TRUE(file.clear());
  EXPECT_EQ(file.size(), 0U);
  EXPECT_EQ(ASSERT_VALUE(file.note()), "");
}

TEST_F(Partials, TheSecondWaitsAndFindsItGone) {
  PartialFile first = ASSERT_VALUE(PartialFile::open(*store_, "key"));
  ASSERT_TRUE(first.append(kText));
  std::atomic<bool> waits = false;
  std::uint64_t found = 99;
  std::thread second([&] {
    const auto file = PartialFile::open(*store_, "key", [&] { waits = true; });
    if (file) found = file->size();
  });
  while (!waits) std::this_thread::yield();
  ASSERT_TRUE(first.remove());
  {
    const PartialFile ends = std::move(first);
  }
  second.join();
  EXPECT_EQ(found, 0U);
}

TEST_F(Partials, WhoMustNotWaitGetsOneOfItsOwn) {
  PartialFile first = ASSERT_VALUE(PartialFile::open(*store_, "key"));
  ASSERT_TRUE(first.append(kText));
  ASSERT_TRUE(first.set_note("etag"));
  {
    PartialFile own = ASSERT_VALUE(PartialFile::open_now(*store_, "key"));
    EXPECT_EQ(own.size(), 0U);
    EXPECT_EQ(ASSERT_VALUE(own.note()), "");
    ASSERT_TRUE(own.append("x"));
    ASSERT_TRUE(own.set_note("other"));
    ASSERT_TRUE(own.clear());
    ASSERT_TRUE(own.remove());
  }
  EXPECT_EQ(first.size(), kText.size());
  EXPECT_EQ(ASSERT_VALUE(first.note()), "etag");
  EXPECT_EQ(ASSERT_VALUE(PartialFile::open_now(*store_, "free")).size(), 0U);
}

TEST_F(Partials, OldOnesAreSweptUnlessHeld) {
  {
    ASSERT_TRUE(ASSERT_VALUE(PartialFile::open(*store_, "left")).append(kText));
  }
  PartialFile held = ASSERT_VALUE(PartialFile::open(*store_, "held"));
  ASSERT_TRUE(held.append(kText));
  EXPECT_EQ(ASSERT_VALUE(sweep_partials(*store_, now() - 3600 * kSecond)), 0U);
  EXPECT_GT(ASSERT_VALUE(sweep_partials(*store_, now() + 3600 * kSecond)), 0U);
  EXPECT_EQ(ASSERT_VALUE(PartialFile::open(*store_, "left")).size(), 0U);
  FdSource source(held.fd(), 0, held.size());
  EXPECT_EQ(ASSERT_VALUE(read_to_end(source, 100)), kText);
}

}  // namespace
}  // namespace agena::stage0
