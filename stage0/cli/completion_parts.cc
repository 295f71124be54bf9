#include "stage0/cli/completion_parts.h"

namespace agena::stage0 {

std::vector<const CommandSpec*> commands_to_complete(const ProgramSpec& program) {
  std::vector<const CommandSpec*> commands;
  for (const CommandSpec* command : program.commands)
    if (!command->hidden && command->needs_env.empty()) commands.push_back(command);
  return commands;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

std::string_view last_word(std::string_view command) { return command.substr(command.rfind(' ') + 1); }

std::vector<std::string> choices_of(const Option& option) {
  std::vector<std::string> words;
  for (const std::string_view choice : option.choices)
    if (!choice.empty()) words.emplace_back(choice);
  return words;
}

}  // namespace agena::stage0
