// What the completion scripts of all shells are made of. Only for completion*.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/help.h"

namespace agena::stage0 {

// Every command that may be shown, groups and their members alike.
std::vector<const CommandSpec*> commands_to_complete(const ProgramSpec& program);
// The text with every occurrence of `what` replaced.
std::string replaced(std::string text, std::string_view what, std::string_view with);
// The last word of a command's name: what is typed behind its group.
std::string_view last_word(std::string_view command);
// The choices of an option, without the empty one that stands for leaving it out.
std::vector<std::string> choices_of(const Option& option);

}  // namespace agena::stage0
