#include "stage0/cli/image_args.h"

#include <algorithm>

#include "common/base/strings.h"

namespace agena::stage0 {
namespace {

constexpr std::string_view kArgsBegin = "--";
constexpr std::string_view kArgsEnd = "---";

bool contains(OptionList list, const Option* option) { return std::ranges::find(list, option) != list.end(); }

Result<> take_app_args(ArgScanner& scanner, std::vector<ImageArg>& images) {
  if (images.empty())
    return fail(ErrorKind::kInvalidInput, "an image must come before the arguments behind '{}'", kArgsBegin);
  ImageArg& image = images.back();
  if (image.has_args)
    return fail(ErrorKind::kInvalidInput, "image '{}' has two lists of arguments", printable(image.image));
  image.has_args = true;
  while (!scanner.done()) {
    const std::string_view arg = scanner.take();
    if (arg == kArgsEnd) break;
    image.args.push_back(arg);
  }
  return {};
}

Error misplaced(const Option& option) {
  const std::string written = fmt::format(
      "--{}{}", option.name, option.value_name.empty() ? "" : "=" + std::string(option.value_name));
  return Error(ErrorKind::kInvalidInput, fmt::format("--{} must follow an image", option.name))
      .with_hint(option.name == "name" ? "IMAGE --name=NAME names an app, --pod-name=NAME the pod"
                                       : fmt::format("IMAGE {}", written));
}

Result<> take_option(ArgScanner& scanner, const ImageGrammar& grammar, ImageArgs& parsed) {
  const OptionUse use = TRY(scanner.take_option());
  const bool of_app = contains(grammar.app_options, use.option);
  if (of_app && !parsed.images.empty()) {
    parsed.images.back().uses.push_back(use);
    return {};
  }
  if (of_app && !contains(grammar.leading_app_options, use.option))
    return std::unexpected(misplaced(*use.option));
  parsed.uses.push_back(use);
  return {};
}

}  // namespace

Result<ImageArgs> parse_image_args(std::span<const std::string_view> args, const ImageGrammar& grammar) {
  ImageArgs parsed;
  ArgScanner scanner(args, grammar.options, grammar.vocabulary);
  while (!scanner.done()) {
    const std::string_view next = scanner.peek();
    if (next == kArgsBegin) {
      scanner.take();
      TRY(take_app_args(scanner, parsed.images));
    } else if (next.empty() || next == kArgsEnd) {
      scanner.take();
    } else if (scanner.at_option()) {
      TRY(take_option(scanner, grammar, parsed));
    } else {
      parsed.images.push_back({.image = scanner.take(), .uses = {}, .args = {}});
    }
  }
  return parsed;
}

}  // namespace agena::stage0
