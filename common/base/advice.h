// What to say of words on a command line that nobody knows: errors with the hint that fits best. For the
// parser (options.cc) alone.
#pragma once

#include <span>
#include <string_view>

#include "common/base/options.h"

namespace agena {

// `shown` is the option as it was written, without its value.
Error unknown_option(std::string_view shown, std::span<const OptionList> lists, const Vocabulary& vocabulary);

// `children` are the rows of the commands that may stand there; `group` is empty at the top.
Error unknown_command(std::string_view word, std::string_view group, CommandList commands,
                      std::span<const std::size_t> children, const Vocabulary& vocabulary);

// The value is none of the choices (of which an empty one is not told).
Error unknown_choice(std::string_view option, std::string_view value,
                     std::span<const std::string_view> choices);

// The advice of the vocabulary's row for a word, with the program's name filled in; empty if there is none.
std::string foreign_advice(std::string_view word, const Vocabulary& vocabulary);

}  // namespace agena
