#include "common/base/strings.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"

namespace agena {
namespace {

using agena::testing::error_of;
using ::testing::ElementsAre;

TEST(StringsTest, SplitsAndJoins) {
  EXPECT_THAT(split("a,b,,c", ','), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_THAT(split(",", ','), ElementsAre("", ""));
  EXPECT_EQ(join({"a", "b", ""}, ", "), "a, b, ");
  EXPECT_EQ(join({}, ", "), "");
  EXPECT_EQ(join({"a"}, ", "), "a");
}

TEST(StringsTest, CutsAtTheFirstSeparator) {
  const Cut parts = cut("key=a=b", '=');
  EXPECT_EQ(parts.before, "key");
  EXPECT_EQ(parts.after, "a=b");
  EXPECT_TRUE(parts.found);
  EXPECT_FALSE(cut("key", '=').found);
  EXPECT_EQ(cut("key", '=').before, "key");
  EXPECT_TRUE(cut("key=", '=').found);
}

TEST(StringsTest, TrimsAndLowers) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n "), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(to_lower("ABCz-Ä"), "abcz-Ä") << "ASCII only";
}

TEST(StringsTest, ReadsNumbers) {
  EXPECT_EQ(ASSERT_VALUE(parse_int("-42", -100, 100)), -42);
  EXPECT_EQ(ASSERT_VALUE(parse_int("0", 0, 0)), 0);
  EXPECT_EQ(ASSERT_VALUE(parse_int("-9223372036854775808", INT64_MIN, INT64_MAX)), INT64_MIN);
  EXPECT_EQ(ASSERT_VALUE(parse_uint("18446744073709551615")), UINT64_MAX);
  for (const char* bad : {"", " 1", "1 ", "+1", "0x1", "1.0", "1e3", "--1", "a"}) {
    EXPECT_FALSE(parse_int(bad, INT64_MIN, INT64_MAX)) << bad;
    EXPECT_FALSE(parse_uint(bad)) << bad;
  }
  EXPECT_FALSE(parse_uint("-1"));
  EXPECT_EQ(error_of(parse_int("101", -100, 100)), "number '101' is out of range (-100 to 100)");
  EXPECT_EQ(error_of(parse_uint("18446744073709551616")),
            "number '18446744073709551616' is out of range (0 to 18446744073709551615)");
  EXPECT_EQ(error_of(parse_uint("1\n")), "expected a number, found '1\\x0a'");
}

TEST(StringsTest, ConvertsHex) {
  const std::string bytes("\x00\x7f\xff", 3);
  EXPECT_EQ(to_hex(bytes), "007fff");
  EXPECT_EQ(ASSERT_VALUE(from_hex("007fff")), bytes);
  EXPECT_EQ(ASSERT_VALUE(from_hex("")), "");
  EXPECT_FALSE(from_hex("0"));
  EXPECT_FALSE(from_hex("0G"));
  EXPECT_FALSE(from_hex("AB")) << "lower case only";
  EXPECT_TRUE(is_lower_hex("09af"));
  EXPECT_FALSE(is_lower_hex(""));
  EXPECT_FALSE(is_lower_hex("0A"));
}

TEST(Utf8Test, FollowsUnicodeTable37) {
  const char* const kGood[] = {"",
                               "plain",
                               "\u00e4\u20ac\U0001f600",
                               "\xc2\x80",
                               "\xdf\xbf",
                               "\xe0\xa0\x80",
                               "\xed\x9f\xbf",
                               "\xee\x80\x80",
                               "\xef\xbf\xbf",
                               "\xf0\x90\x80\x80",
                               "\xf4\x8f\xbf\xbf"};
  for (const char* good : kGood) EXPECT_TRUE(is_utf8(good)) << to_hex(good);
  const char* const kBad[] = {"\x80",
                              "\xc0\x80",          // overlong NUL
                              "\xc1\xbf",          // overlong
                              "\xc2",              // cut
                              "\xc2\x41",          // no continuation
                              "\xe0\x9f\xbf",      // overlong
                              "\xed\xa0\x80",      // surrogate
                              "\xe2\x82",          // cut
                              "\xf0\x8f\xbf\xbf",  // overlong
                              "\xf4\x90\x80\x80",  // above U+10FFFF
                              "\xf5\x80\x80\x80",
                              "\xff",
                              "\xf0\x90\x80",
                              "good then bad \xe2\x28\xa1"};
  for (const char* bad : kBad) EXPECT_FALSE(is_utf8(bad)) << to_hex(bad);
  EXPECT_TRUE(is_utf8(std::string_view("a\0b", 3)));
}

TEST(Utf8Test, CutsBetweenSequences) {
  EXPECT_EQ(utf8_prefix("abc", 3), "abc");
  EXPECT_EQ(utf8_prefix("abc", 2), "ab");
  EXPECT_EQ(utf8_prefix("a\u00e4", 2), "a");
  EXPECT_EQ(utf8_prefix("a\u20ac", 3), "a");
  EXPECT_EQ(utf8_prefix("\U0001f600x", 3), "");
  EXPECT_EQ(utf8_prefix("\U0001f600x", 4), "\U0001f600");
  EXPECT_EQ(utf8_prefix("abc", 0), "");
  EXPECT_EQ(utf8_prefix("\x80\x80\x80\x80\x80\x80", 5), "\x80\x80\x80\x80\x80") << "not UTF-8 anyway";
}

TEST(PrintableTest, DisarmsControlCharacters) {
  EXPECT_EQ(printable("plain \u00e4\u20ac\U0001f600"), "plain \u00e4\u20ac\U0001f600");
  EXPECT_EQ(printable("a\x1b[31mb\n\x7f"), "a\\x1b[31mb\\x0a\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(printable("\xc2\x9b\xc2\xa0"), "\\xc2\\x9b\xc2\xa0") << "C1 controls are escaped, U+00A0 is none";
  EXPECT_EQ(printable("\xff\xe2\x82"), "\\xff\\xe2\\x82");
}

TEST(ClosestTest, FindsTypingErrors) {
  const std::vector<std::string> commands = {"cat-manifest", "enter",  "fetch",   "gc",
                                             "image",        "list",   "prepare", "run",
                                             "run-prepared", "status", "stop"};
  EXPECT_EQ(closest("lsit", commands), "list") << "a swap is one edit";
  EXPECT_EQ(closest("imgae", commands), "image");
  EXPECT_EQ(closest("statsu", commands), "status");
  EXPECT_EQ(closest("prpar", commands), "") << "two edits are too many for five letters";
  EXPECT_EQ(closest("prepaer", commands), "prepare");
  EXPECT_EQ(closest("cat-mnifst", commands), "cat-manifest");
  EXPECT_EQ(closest("g", commands), "gc");
  EXPECT_EQ(closest("x", {"a", "b"}), "") << "nothing in common";
  EXPECT_EQ(closest("", commands), "");
  EXPECT_EQ(closest("list", commands), "list");
  EXPECT_EQ(closest("completely-different", commands), "");
  EXPECT_EQ(closest("ab", {"ac", "ad"}), "ac") << "the first of equals";
}

}  // namespace
}  // namespace agena
