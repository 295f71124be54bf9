#include "stage0/image/import_turn.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "tests/support/result_matchers.h"
#include "tests/unit/store/fixtures.h"

namespace agena::stage0 {
namespace {

class ImportTurns : public StoreTest {
 protected:
  bool nothing_left() const { return std::filesystem::is_empty(data_dir() + "/cas/partial"); }
};

TEST_F(ImportTurns, AreIndependentOfEachOther) {
  const ImportTurn one = ASSERT_VALUE(ImportTurn::take(store(), "a source", "a"));
  const ImportTurn other = ASSERT_VALUE(ImportTurn::take(store(), "another source", "b"));
  EXPECT_FALSE(one.waited());
  EXPECT_FALSE(other.waited());
}

TEST_F(ImportTurns, LeaveNothing) {
  {
    const ImportTurn turn = ASSERT_VALUE(ImportTurn::take(store(), "a source", "a"));
  }
  EXPECT_TRUE(nothing_left());
}

TEST_F(ImportTurns, WhatIsThereNeedsNone) {
  const auto found =
      ASSERT_VALUE(find_or_take_turn(store(), "a source", "a", [] { return record_of("here", {}); }));
  ASSERT_TRUE(found.image);
  EXPECT_EQ(found.image->id, id_of("here"));
  EXPECT_FALSE(found.turn);
}

// Of many that find nothing, one imports; the others look again when it is done.
TEST_F(ImportTurns, OneImportsForAll) {
  constexpr int kMany = 8;
  std::atomic<int> looked = 0;
  std::atomic<int> imports = 0;
  std::atomic<bool> there = false;
  std::atomic<int> errors = 0;
  const auto import = [&] {
    const auto found =
        find_or_take_turn(store(), "a source", "a", [&]() -> Result<std::optional<ImageRecord>> {
          if (there) return record_of("here", {});
          ++looked;
          return std::nullopt;
        });
    if (!found) {
      ++errors;
      return;
    }
    if (found->image) return;
    ++imports;
    // All have looked once, and none finds the image before it is there.
    while (looked < kMany) std::this_thread::yield();
    there = true;
  };
  {
    std::vector<std::jthread> many;
    for (int i = 0; i < kMany; ++i) many.emplace_back(import);
  }
  EXPECT_EQ(errors, 0);
  EXPECT_EQ(imports, 1);
  EXPECT_TRUE(nothing_left());
}

}  // namespace
}  // namespace agena::stage0
