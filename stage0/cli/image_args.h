// The grammar of command lines with images: `[flags] IMAGE [app flags] [-- args… [---]] IMAGE …`. Only says
// what belongs to which image; what flags mean is others' business.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "common/base/options.h"
#include "common/base/result.h"

namespace agena::stage0 {

// An image argument with what follows it.
struct ImageArg {
  std::string_view image;
  std::vector<OptionUse> uses;         // per-app flags between this image and the next
  std::vector<std::string_view> args;  // between `--` and `---` or the end
  bool has_args = false;               // whether there was a `--`
};

struct ImageArgs {
  std::vector<OptionUse> uses;  // all other flags, in order of appearance
  std::vector<ImageArg> images;
};

// Which flags such a command takes.
struct ImageGrammar {
  std::span<const OptionList> options;  // of every sort
  OptionList app_options;               // those that follow an image ("--X must follow an image")
  OptionList leading_app_options = {};  // those of them that may precede all images, for all apps
  Vocabulary vocabulary = {};           // for what is said of unknown flags
};

// Reads the arguments (without program and command names). Options, `--` and `---` are recognised outside the
// args of an image only; empty arguments are skipped; flags that are not app flags may stand anywhere.
Result<ImageArgs> parse_image_args(std::span<const std::string_view> args, const ImageGrammar& grammar);

}  // namespace agena::stage0
