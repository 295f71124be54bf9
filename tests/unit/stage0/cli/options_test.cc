#include "common/base/options.h"

#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"
#include "tests/unit/stage0/cli/argv.h"

namespace agena {
namespace {

using stage0::test_cli::Argv;
using stage0::test_cli::joined;
using testing::error_of;

constexpr std::array<std::string_view, 2> kColours = {"red", "green"};
constexpr Option kDebug = {.name = "debug", .short_name = 'd'};
constexpr Option kName = {.name = "name", .arity = OptionArity::kValue};
constexpr Option kWait = {.name = "wait", .arity = OptionArity::kOptionalValue, .bare_value = "true"};
constexpr Option kColour = {.name = "colour", .arity = OptionArity::kValue, .choices = kColours};
constexpr Option kGated = {.name = "gated", .needs_env = "AGENA_TEST_GATE"};
constexpr std::array kOptions = {&kDebug, &kName, &kWait, &kColour, &kGated};
constexpr std::array<OptionList, 1> kLists = {kOptions};

// "option=value …; argument …"
std::string shown(const ParsedArgs& parsed) {
  std::string text;
  for (const OptionUse& use : parsed.uses)
    text += (text.empty() ? "" : " ") + std::string(use.option->name) + "=" + std::string(use.value);
  return text + ";" + (parsed.arguments.empty() ? "" : " ") + joined(parsed.arguments);
}

struct ParseCase {
  const char* line;
  const char* expected;  // what shown() makes of it, or the error
  ArgOrder order = ArgOrder::kMixed;
};

class ParseArgs : public ::testing::TestWithParam<ParseCase> {};

TEST_P(ParseArgs, GivesUsesAndArguments) {
  const Argv argv(GetParam().line);
  const auto parsed = parse_args(argv.views(), kLists, GetParam().order);
  EXPECT_EQ(parsed ? shown(*parsed) : error_of(parsed), GetParam().expected) << GetParam().line;
}

INSTANTIATE_TEST_SUITE_P(
    Grammar, ParseArgs,
    ::testing::Values(
        ParseCase{"", ";"}, ParseCase{"a b", "; a b"}, ParseCase{"--debug a", "debug=true; a"},
        ParseCase{"--debug=false a", "debug=false; a"}, ParseCase{"--debug=T", "debug=T;"},
        // A switch never takes the next argument.
        ParseCase{"--debug false", "debug=true; false"},
        ParseCase{"--debug=maybe", "--debug: expected true or false, found 'maybe'"},
        ParseCase{"--debug=", "--debug: expected true or false, found ''"}, ParseCase{"-d", "debug=true;"},
        ParseCase{"-x", "unknown flag '-x'"}, ParseCase{"-dd", "unknown flag '-dd'"},
        ParseCase{"--name=v", "name=v;"}, ParseCase{"--name v", "name=v;"}, ParseCase{"--name=", "name=;"},
        ParseCase{"--name ''", "name=;"}, ParseCase{"--name=a=b", "name=a=b;"},
        // The value is taken whatever it looks like.
        ParseCase{"--name --debug", "name=--debug;"}, ParseCase{"--name -5", "name=-5;"},
        ParseCase{"--name -- a", "name=--; a"}, ParseCase{"--name", "flag '--name' needs a value"},
        // An optional value stands behind '=' only.
        ParseCase{"--wait 10s", "wait=true; 10s"}, ParseCase{"--wait=10s", "wait=10s;"},
        ParseCase{"--wait=", "wait=;"}, ParseCase{"--colour red", "colour=red;"},
        ParseCase{"--colour=blue", "--colour: 'blue' is none of: red, green"},
        ParseCase{"a --name v b", "name=v; a b"}, ParseCase{"a -- --name v", "; a --name v"},
        ParseCase{"-- --debug", "; --debug"}, ParseCase{"- a", "; - a"}, ParseCase{"'' a", "; '' a"},
        ParseCase{"---", "unknown flag '---'"}, ParseCase{"--=x", "unknown flag '--'"},
        ParseCase{"--nam v", "unknown flag '--nam'"}, ParseCase{"--gated", "unknown flag '--gated'"},
        ParseCase{"--debug a --name v", "debug=true; a --name v", ArgOrder::kOptionsFirst},
        ParseCase{"-- a --name v", "; a --name v", ArgOrder::kOptionsFirst},
        ParseCase{"a -- b", "; a -- b", ArgOrder::kOptionsFirst}));

TEST(ParseArgs, LastUseCountsAndAllAreKept) {
  const Argv argv("--name=a --name=b --debug --debug=0");
  const ParsedArgs parsed = ASSERT_VALUE(parse_args(argv.views(), kLists));
  EXPECT_EQ(parsed.text(kName), "b");
  EXPECT_EQ(parsed.all(kName), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_FALSE(parsed.flag(kDebug));
  EXPECT_TRUE(parsed.has(kDebug));
  EXPECT_FALSE(parsed.has(kWait));
  EXPECT_EQ(parsed.text(kWait, "fallback"), "fallback");
}

TEST(ParseArgs, SuggestsTheNearestFlag) {
  const Argv argv("--colours=red");
  const auto parsed = parse_args(argv.views(), kLists);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().hint(), "did you mean '--colour'?");
}

TEST(ParseArgs, GatedOptionsExistWhileTheVariableIsTrue) {
  const Argv argv("--gated");
  ASSERT_EQ(::setenv("AGENA_TEST_GATE", "1", 1), 0);
  EXPECT_TRUE(parse_args(argv.views(), kLists));
  ASSERT_EQ(::setenv("AGENA_TEST_GATE", "false", 1), 0);
  EXPECT_FALSE(parse_args(argv.views(), kLists));
  ASSERT_EQ(::unsetenv("AGENA_TEST_GATE"), 0);
}

constexpr std::array kRunOptions = {&kName, &kWait};
constexpr std::array<OptionList, 1> kRunLists = {kRunOptions};
constexpr CommandSpec kImage = {.name = "image"};
constexpr CommandSpec kImageList = {.name = "image list"};
constexpr CommandSpec kImageLoad = {.name = "image load", .hidden = true};
constexpr CommandSpec kList = {.name = "list"};
constexpr CommandSpec kRun = {.name = "run", .options = kRunLists};
constexpr CommandSpec kRunPrepared = {.name = "run-prepared"};
constexpr CommandSpec kSecret = {.name = "secret", .needs_env = "AGENA_TEST_GATE"};
constexpr std::array kCommands = {&kImage, &kImageList, &kImageLoad, &kList, &kRun, &kRunPrepared, &kSecret};
constexpr std::array kGlobal = {&kDebug};

struct FindCase {
  const char* line;
  const char* expected;  // "COMMAND: rest" or the error
};

class FindCommand : public ::testing::TestWithParam<FindCase> {};

TEST_P(FindCommand, FindsWordsAmongOptions) {
  const Argv argv(GetParam().line);
  const auto found = find_command(argv.views(), kCommands, kGlobal);
  std::string text = error_of(found);
  if (found) {
    text = found->index == kCommands.size() ? "-" : std::string(kCommands[found->index]->name);
    text += ":" + std::string(found->args.empty() ? "" : " ") + joined(found->args);
  }
  EXPECT_EQ(text, GetParam().expected) << GetParam().line;
}

INSTANTIATE_TEST_SUITE_P(
    Words, FindCommand,
    ::testing::Values(
        FindCase{"", "-:"}, FindCase{"--debug", "-: --debug"}, FindCase{"-- run", "-: -- run"},
        FindCase{"list", "list:"}, FindCase{"l a b", "list: a b"},
        // The whole name wins over longer names that begin with it.
        FindCase{"run a", "run: a"}, FindCase{"run- a", "run-prepared: a"},
        FindCase{"ru a", "command 'ru' is ambiguous, it may be: run, run-prepared"},
        FindCase{"'' list", "unknown command ''"}, FindCase{"lisst", "unknown command 'lisst'"},
        FindCase{"secret", "unknown command 'secret'"},
        // Global and commands' own flags may stand before the words.
        FindCase{"--debug run a", "run: --debug a"}, FindCase{"--name list run a", "run: --name list a"},
        FindCase{"--name=x run a --name=y", "run: --name=x a --name=y"},
        FindCase{"--wait run a", "run: --wait a"}, FindCase{"--nope run", "unknown flag '--nope'"},
        FindCase{"--name", "flag '--name' needs a value"},
        // Levels.
        FindCase{"image", "image:"}, FindCase{"image --debug", "image: --debug"},
        FindCase{"im li x", "image list: x"}, FindCase{"image --debug list x", "image list: --debug x"},
        FindCase{"im lo x", "image load: x"},
        FindCase{"im l x", "command 'l' is ambiguous, it may be: list, load"},
        FindCase{"image nope", "unknown command 'image nope'"},
        // Behind the words everything is the command's.
        FindCase{"run --unknown -- --- x", "run: --unknown -- --- x"}));

TEST(FindCommand, SuggestsTheNearestCommand) {
  const Argv argv("lsit");
  const auto found = find_command(argv.views(), kCommands, kGlobal);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().hint(), "did you mean 'list'?");
}

TEST(ParseBool, KnowsGosSpellings) {
  for (const char* text : {"1", "t", "T", "true", "TRUE", "True"})
    EXPECT_TRUE(ASSERT_VALUE(parse_bool(text)));
  for (const char* text : {"0", "f", "F", "false", "FALSE", "False"})
    EXPECT_FALSE(ASSERT_VALUE(parse_bool(text)));
  for (const char* text : {"", "yes", "tRUE", "2", "true "}) EXPECT_FALSE(parse_bool(text)) << text;
}

}  // namespace
}  // namespace agena
