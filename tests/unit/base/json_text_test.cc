#include "common/base/json_text.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"

namespace agena::json_text {
namespace {

using agena::testing::error_of;
using ::testing::HasSubstr;

TEST(JsonTextTest, KeepsValuesAndOrder) {
  for (const char* text :
       {R"({"z":1,"a":[true,false,null,-5,2.5,"\"\\\n"],"m":{}})", "[]", "null", "\"\"", "0",
        "18446744073709551615", "-9223372036854775808", "1e+20", R"({"":""})", R"(["ü\u0000"])"})
    EXPECT_EQ(ASSERT_VALUE(dump(ASSERT_VALUE(parse(text)))), text);
  EXPECT_EQ(ASSERT_VALUE(dump(ASSERT_VALUE(parse(" \n[ 1 ,\t2 ] ")))), "[1,2]");
}

TEST(JsonTextTest, NestsContainers) {
  const char* const text = R"({"a":[[],{},[{"b":[1,{"c":2}]},3]],"d":{"e":{"f":{}}},"g":[]})";
  EXPECT_EQ(ASSERT_VALUE(dump(ASSERT_VALUE(parse(text)))), text);
}

TEST(JsonTextTest, IndentsByTabs) {
  EXPECT_EQ(ASSERT_VALUE(dump_pretty(ASSERT_VALUE(parse(R"({"a":[1],"b":{}})")))),
            "{\n\t\"a\": [\n\t\t1\n\t],\n\t\"b\": {}\n}");
}

TEST(JsonTextTest, RefusesDuplicateKeys) {
  EXPECT_EQ(error_of(parse(R"({"a":1,"b":2,"a":3})")), "JSON: duplicate key 'a'");
  EXPECT_EQ(error_of(parse(R"([{"x":{"k\n":1,"k\n":1}}])")), "JSON: duplicate key 'k\\x0a'");
  EXPECT_EQ(error_of(parse(R"({"a":1,"\u0061":2})")), "JSON: duplicate key 'a'") << "after unescaping";
  EXPECT_TRUE(parse(R"({"a":{"a":{"a":1}},"b":{"a":1}})")) << "in different objects";
  std::string many = "{";
  for (int i = 0; i < 40; ++i) many += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_TRUE(parse(many + "\"last\":0}"));
  EXPECT_EQ(error_of(parse(many + "\"k7\":0}")), "JSON: duplicate key 'k7'");
}

TEST(JsonTextTest, LimitsDepth) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse(nested(64)));
  EXPECT_EQ(error_of(parse(nested(65))), "JSON: nested deeper than 64 levels");
  EXPECT_EQ(error_of(parse(std::string(1'000'000, '['))), "JSON: nested deeper than 64 levels");
  EXPECT_TRUE(parse(nested(2), {.max_depth = 2}));
  EXPECT_FALSE(parse(R"({"a":{"b":{}}})", {.max_depth = 2}));
}

TEST(JsonTextTest, LimitsSize) {
  EXPECT_TRUE(parse("[1]", {.max_bytes = 3}));
  EXPECT_EQ(error_of(parse("[12]", {.max_bytes = 3})),
            "JSON document of 4 bytes is larger than the limit of 3");
}

TEST(JsonTextTest, ReadsManyMembersInLinearTime) {
  std::string text = "{\"k\":0";
  while (text.size() < Limits{}.max_bytes - 32) text += ",\"" + std::to_string(text.size()) + "\":0";
  const auto value = parse(text + "}");
  ASSERT_TRUE(value) << value.error().to_string();
  EXPECT_GT(value->size(), 300'000U);
}

TEST(JsonTextTest, RefusesWhatIsNotJson) {
  for (const char* bad :
       {"",         " ",     "{",       "[1,]",      "{\"a\":1,}", "{a:1}",  "'a'",     "nul",         "01",
        "1.",       "+1",    ".5",      "[1] [2]",   "[1]x",       "\"\t\"", "\"\\x\"", "\"\\ud800\"", "NaN",
        "Infinity", "1e999", "// c\n1", "{\"a\" 1}", "[1 2]",      "]",      "\""})
    EXPECT_FALSE(parse(bad)) << bad;
  EXPECT_THAT(error_of(parse("{\n  \"a\": x}")), HasSubstr("line 2, column 8"));
  EXPECT_EQ(error_of(parse("\"\xff\"")), "JSON document is not UTF-8");
  EXPECT_EQ(error_of(parse("\"\xed\xa0\x80\"")), "JSON document is not UTF-8");
}

TEST(JsonTextTest, BoundsItsMessages) {
  const std::string error = error_of(parse("[\"" + std::string(100'000, 'x')));
  EXPECT_LT(error.size(), 400U);
  EXPECT_TRUE(error.ends_with("…")) << error;
  EXPECT_EQ(error_of(parse("\x1b")).find('\x1b'), std::string::npos);
}

TEST(JsonTextTest, RefusesToDumpWhatIsNotUtf8) {
  EXPECT_THAT(error_of(dump(Json("\xff"))), HasSubstr("invalid UTF-8"));
  EXPECT_FALSE(dump_pretty(Json::array({"\xc3"})));
}

}  // namespace
}  // namespace agena::json_text
