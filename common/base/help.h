// Help texts from the option and command tables, in rkt's house template. Texts in the tables may hold
// placeholders such as "{program}", which stand for what differs between programs and installations.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/options.h"

namespace agena {

// What a placeholder stands for; name without braces.
struct HelpTerm {
  std::string_view name;
  std::string value;
};

// The text with every known "{name}" replaced; unknown ones stay as they are.
std::string expand_terms(std::string_view text, std::span<const HelpTerm> terms);

// Options that help shows under a title of their own.
struct OptionGroup {
  std::string_view title;                   // "LIMITS"
  std::span<const std::string_view> names;  // of options, without dashes
};

// A whole program as help, completion and man page see it.
struct ProgramSpec {
  std::string_view name;         // as it was called
  std::string_view version;      // its own
  std::string_view summary;      // one line
  std::string_view description;  // paragraphs
  CommandList commands;
  OptionList global_options;
  std::span<const HelpTerm> terms;
  // In the order in which they are shown; what is in none of them stands before them, under OPTIONS. Commands
  // with few options show no groups.
  std::span<const OptionGroup> groups = {};
};

constexpr std::size_t kHelpWidth = 100;  // columns of help texts that no terminal is there for

// Help for one command (or group) of the program.
std::string command_help(const ProgramSpec& program, const CommandSpec& command,
                         std::size_t width = kHelpWidth);
// Help for the program as a whole.
std::string program_help(const ProgramSpec& program, std::size_t width = kHelpWidth);

// Commands that belong directly to a group ("" for the program) and are to be shown, in the table's order.
std::vector<const CommandSpec*> visible_commands(const ProgramSpec& program, std::string_view group);
// Options of the lists that are to be shown, sorted by name.
std::vector<const Option*> visible_options(std::span<const OptionList> lists);
// The program's options as help shows them for a command: group by group, without empty groups.
struct ShownOptions {
  std::string_view title;
  std::vector<const Option*> options;
};
std::vector<ShownOptions> grouped_options(const ProgramSpec& program, const CommandSpec& command);
// An option with its default, as in "--name=default" or "--name[=default]".
std::string option_synopsis(const Option& option, std::span<const HelpTerm> terms);
// The text in lines of at most `width` columns, broken at spaces; newlines in it stay.
std::vector<std::string> wrap_text(std::string_view text, std::size_t width);

}  // namespace agena
