#include "stage0/cli/image_args.h"

#include <gtest/gtest.h>

#include "tests/support/result_matchers.h"
#include "tests/unit/stage0/cli/argv.h"

namespace agena::stage0 {
namespace {

using test_cli::Argv;
using test_cli::joined;
using testing::error_of;

constexpr Option kNet = {.name = "net", .arity = OptionArity::kOptionalValue, .bare_value = "default"};
constexpr Option kVolume = {.name = "volume", .arity = OptionArity::kValue};
constexpr Option kUser = {.name = "user", .arity = OptionArity::kValue};
constexpr Option kMount = {.name = "mount", .arity = OptionArity::kValue};
constexpr std::array kPodOptions = {&kNet, &kVolume};
constexpr std::array kAppOptions = {&kUser, &kMount};
constexpr std::array kLeading = {&kMount};
constexpr std::array<OptionList, 2> kLists = {kPodOptions, kAppOptions};
constexpr ImageGrammar kGrammar = {
    .options = kLists, .app_options = kAppOptions, .leading_app_options = kLeading};

std::string shown(const std::vector<OptionUse>& uses) {
  std::string text;
  for (const OptionUse& use : uses) text += fmt::format(" {}={}", use.option->name, use.value);
  return text;
}

// "pod: flags | IMAGE flags (args) | …"
std::string shown(const ImageArgs& parsed) {
  std::string text = "pod:" + shown(parsed.uses);
  for (const ImageArg& image : parsed.images) {
    text += " | " + std::string(image.image) + shown(image.uses);
    if (image.has_args) text += " (" + joined(image.args) + ")";
  }
  return text;
}

struct Case {
  const char* line;
  const char* expected;
};

class ParseImageArgs : public ::testing::TestWithParam<Case> {};

TEST_P(ParseImageArgs, SaysWhatBelongsToWhichImage) {
  const Argv argv(GetParam().line);
  const auto parsed = parse_image_args(argv.views(), kGrammar);
  EXPECT_EQ(parsed ? shown(*parsed) : error_of(parsed), GetParam().expected) << GetParam().line;
}

INSTANTIATE_TEST_SUITE_P(
    Grammar, ParseImageArgs,
    ::testing::Values(
        Case{"", "pod:"}, Case{"a", "pod: | a"}, Case{"a b", "pod: | a | b"},
        Case{"a -- x y", "pod: | a (x y)"}, Case{"a -- x y --- b", "pod: | a (x y) | b"},
        Case{"a -- x --- b -- y", "pod: | a (x) | b (y)"}, Case{"a --", "pod: | a ()"},
        Case{"a -- --- b", "pod: | a () | b"},
        // Inside the arguments nothing is special but '---', not even an empty one or a second '--'.
        Case{"a -- --user=x -- '' --net --- b", "pod: | a (--user=x -- '' --net) | b"},
        // A stray '---' and empty arguments are skipped elsewhere.
        Case{"--- a --- b ---", "pod: | a | b"}, Case{"'' a '' b", "pod: | a | b"},
        Case{"-- x", "an image must come before the arguments behind '--'"},
        Case{"--net -- x", "an image must come before the arguments behind '--'"},
        Case{"a -- x --- -- y", "image 'a' has two lists of arguments"},
        // Flags of the pod may stand anywhere, those of an app follow their image.
        Case{"--net a --volume=v b --net=n", "pod: net=default volume=v net=n | a | b"},
        Case{"a --user=1 b --user=2 --user=3", "pod: | a user=1 | b user=2 user=3"},
        Case{"--user=1 a", "--user must follow an image"},
        Case{"--mount m a --mount n", "pod: mount=m | a mount=n"},
        Case{"a -- x --- --user=1 b", "pod: | a user=1 (x) | b"},
        // A bare --net does not take the image.
        Case{"--net a", "pod: net=default | a"}, Case{"--volume a b", "pod: volume=a | b"},
        Case{"a --volume", "flag '--volume' needs a value"}, Case{"a --nope", "unknown flag '--nope'"},
        Case{"- a", "pod: | - | a"}));

}  // namespace
}  // namespace agena::stage0
