// What stage0 makes of the words of an entrypoint.
#include <gtest/gtest.h>

#include "stage0/stage1_client/crossing.h"

namespace agena::stage0 {
namespace {

using Lines = std::vector<std::string>;

TEST(Stage1Words, NamesThatLeadThemGo) {
  const Stage1Words words = parse_stage1_words("stage1: one: two\napp-add: three\nother: four\n", "app-add");
  EXPECT_EQ(words.lines, (Lines{"one: two", "three", "other: four"}));
  EXPECT_EQ(words.hint, "");
}

TEST(Stage1Words, TheLastHintIsKept) {
  const Stage1Words words = parse_stage1_words("stage1: no\nstage1: hint: do this\nhint: or that", "app-rm");
  EXPECT_EQ(words.lines, (Lines{"no"}));
  EXPECT_EQ(words.hint, "or that");
}

TEST(Stage1Words, NothingAndControlCharacters) {
  EXPECT_TRUE(parse_stage1_words("", "app-rm").lines.empty());
  EXPECT_TRUE(parse_stage1_words("\n  \nstage1: \n", "app-rm").lines.empty());
  EXPECT_EQ(parse_stage1_words("stage1: a\x1b[2Jb\n", "app-rm").lines, (Lines{"a\\x1b[2Jb"}));
}

}  // namespace
}  // namespace agena::stage0
