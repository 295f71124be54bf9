#include "common/base/json_node.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/strings.h"
#include "tests/support/result_matchers.h"

namespace agena {
namespace {

using agena::testing::error_of;
using json_text::Json;
using ::testing::ElementsAre;

// A parsed document with its root node.
class Document {
 public:
  explicit Document(std::string_view text) : json_(*json_text::parse(text)), problems_("doc") {}
  JsonNode root() { return {json_, problems_}; }
  std::string complaints() const { return error_of(problems_.to_result()); }

 private:
  Json json_;
  JsonProblems problems_;
};

TEST(JsonNodeTest, PointsIntoTheDocument) {
  Document document(R"({"a":{"b~/c":[10,{"":true}]}})");
  const auto list = document.root().find("a")->find("b~/c");
  ASSERT_TRUE(list);
  EXPECT_EQ(document.root().pointer(), "");
  EXPECT_EQ(list->pointer(), "/a/b~0~1c");
  std::vector<std::string> pointers;
  list->each([&](const JsonNode& element) {
    pointers.push_back(element.pointer());
    if (element.is_object()) pointers.push_back(element.find("")->pointer());
  });
  EXPECT_THAT(pointers, ElementsAre("/a/b~0~1c/0", "/a/b~0~1c/1", "/a/b~0~1c/1/"));
  EXPECT_EQ(document.complaints(), "(no error)");
}

TEST(JsonNodeTest, ReadsTypes) {
  Document document(R"({"s":"x","b":true,"i":-3,"u":18446744073709551615,"n":null})");
  const JsonNode root = document.root();
  EXPECT_EQ(root.find("s")->as_string(), "x");
  EXPECT_EQ(root.find("b")->as_bool(), true);
  EXPECT_EQ(root.find("i")->as_int(-3, -3), -3);
  EXPECT_EQ(root.find("u")->as_uint(), UINT64_MAX);
  EXPECT_FALSE(root.find("n")) << "null is absent";
  EXPECT_FALSE(root.find("none"));
  EXPECT_EQ(document.complaints(), "(no error)");
}

TEST(JsonNodeTest, ComplainsAboutTypesAndRanges) {
  Document document(R"({"s":"x","i":-3,"u":18446744073709551615,"f":1.0,"o":{},"a":[]})");
  const JsonNode root = document.root();
  EXPECT_FALSE(root.find("i")->as_string());
  EXPECT_FALSE(root.find("s")->as_bool());
  EXPECT_FALSE(root.find("i")->as_int(0, 5));
  EXPECT_FALSE(root.find("u")->as_int(INT64_MIN, INT64_MAX));
  EXPECT_FALSE(root.find("f")->as_int(0, 5));
  EXPECT_FALSE(root.find("i")->as_uint(7));
  EXPECT_FALSE(root.find("o")->as_uint(7));
  root.find("o")->each([](const JsonNode&) { FAIL(); });
  root.find("a")->each_member([](const std::string&, const JsonNode&) { FAIL(); });
  EXPECT_FALSE(root.find("a")->find("x"));
  EXPECT_EQ(document.complaints(),
            "doc: /i: expected a string, found -3; /s: expected true or false, found \"x\"; /i: expected an "
            "integer from 0 "
            "to 5, found -3; /u: expected an integer from -9223372036854775808 to 9223372036854775807, found "
            "18446744073709551615; /f: expected an integer from 0 to 5, found 1.0; /i: expected an integer "
            "from 0 to 7, "
            "found -3; /o: expected an integer from 0 to 7, found an object; /o: expected an array, found an "
            "object; /a: "
            "expected an object, found an array; /a: expected an object, found an array");
}

TEST(JsonNodeTest, RequiresMembers) {
  Document document(R"({"a":{"n":null}})");
  EXPECT_FALSE(document.root().require("x"));
  EXPECT_FALSE(document.root().find("a")->require("n"));
  EXPECT_TRUE(document.root().require("a"));
  EXPECT_EQ(document.complaints(), "doc: missing 'x'; /a: missing 'n'");
}

TEST(JsonNodeTest, ReadsThroughParsers) {
  Document document(R"({"good":"12","bad":"x","type":1})");
  const auto parse = [](std::string_view text) { return parse_uint(text, 20); };
  EXPECT_EQ(document.root().find("good")->parsed(parse), 12U);
  EXPECT_FALSE(document.root().find("bad")->parsed(parse));
  EXPECT_FALSE(document.root().find("type")->parsed(parse));
  EXPECT_EQ(document.complaints(),
            "doc: /bad: expected a number, found 'x'; /type: expected a string, found 1");
}

TEST(JsonNodeTest, VisitsMembersInOrder) {
  Document document(R"({"z":1,"a":2})");
  std::vector<std::string> seen;
  document.root().each_member(
      [&](const std::string& key, const JsonNode& value) { seen.push_back(key + value.pointer()); });
  EXPECT_THAT(seen, ElementsAre("z/z", "a/a"));
}

TEST(JsonNodeTest, AllowsOnlyKnownMembers) {
  Document document(R"({"a":1,"b\u001b":2})");
  document.root().only_members({"a", "c"});
  EXPECT_EQ(document.complaints(), "doc: unknown member 'b\\x1b'");
}

TEST(JsonNodeTest, ShowsValuesShortAndHarmless) {
  Document document(R"({"long":")" + std::string(57, 'a') +
                    R"(\u20acb","esc":"\u009b","n":null,"\u0007":1})");
  EXPECT_EQ(document.root().find("long")->shown(), "\"" + std::string(57, 'a') + "…") << "no half character";
  EXPECT_EQ(document.root().find("esc")->shown(), "\"\\xc2\\x9b\"");
  EXPECT_EQ(document.root().shown(), "an object");
  EXPECT_EQ(document.root().find("\a")->pointer(), "/\\x07");
}

TEST(JsonProblemsTest, TellsTheFirstTwenty) {
  JsonProblems problems("doc");
  EXPECT_TRUE(problems.empty());
  for (int i = 0; i < 25; ++i) problems.add("/p", std::to_string(i));
  const std::string text = error_of(problems.to_result());
  EXPECT_TRUE(text.starts_with("doc: /p: 0; /p: 1; ")) << text;
  EXPECT_TRUE(text.ends_with("; /p: 19; and 5 more")) << text;
  EXPECT_EQ(problems.to_result().error().kind(), ErrorKind::kInvalidInput);
}

}  // namespace
}  // namespace agena
