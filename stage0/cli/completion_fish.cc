// Completion for fish: a `complete` for each option and command, on condition of the command words before the
// cursor.
#include <array>

#include "common/base/strings.h"
#include "stage0/cli/completion.h"
#include "stage0/cli/completion_parts.h"

namespace agena::stage0 {
namespace {

// What does not depend on the tables. @P@ is the program's name.
constexpr std::string_view kBegin = R"sh(# fish completion for @P@
function __@P@_command --description 'Command words before the cursor'
  set --local known @COMMANDS@
  set --local command
  set --local tokens (commandline --tokenize --cut-at-cursor --current-process)
  for word in $tokens[2..]
    set --local next (string join ' ' -- $command $word)
    if contains -- $next $known
      set command $next
    end
  end
  echo $command
end
function __@P@_is
  test "$(__@P@_command)" = "$argv[1]"
end
function __@P@_pods
  @P@ list --no-legend --full 2>/dev/null | cut -f1
end
function __@P@_images
  @P@ image list --no-legend --full --fields=id 2>/dev/null
end
complete -c @P@ -f
)sh";

std::string quoted(std::string_view text) {
  return "'" + replaced(replaced(std::string(text), "\\", "\\\\"), "'", "\\'") + "'";
}

// How fish is told what stands behind an option, or what the arguments are.
std::string offer(Completes kind, std::string_view program) {
  switch (kind) {
    case Completes::kNothing:
      return "";
    case Completes::kFile:
      return " -F";
    case Completes::kDirectory:
      return " -a '(__fish_complete_directories)'";
    case Completes::kPod:
      return fmt::format(" -a '(__{}_pods)'", program);
    case Completes::kImage:
      return fmt::format(" -a '(__{}_images)'", program);
  }
  return "";
}

std::string option_line(const Option& option, const ProgramSpec& program, const std::string& begin) {
  std::string line = begin + fmt::format(" -l {}", option.name);
  if (option.short_name != '\0') line += fmt::format(" -s {}", option.short_name);
  // fish knows no values that may be left out.
  if (option.arity == OptionArity::kValue) {
    const auto choices = choices_of(option);
    const bool files = choices.empty() && option.completes == Completes::kFile;
    line += (files ? " -r" : " -x") +
            (choices.empty() ? offer(option.completes, program.name) : " -a " + quoted(join(choices, " ")));
  }
  return line + " -d " + quoted(expand_terms(option.help, program.terms)) + "\n";
}

std::string subcommand_lines(const ProgramSpec& program, std::string_view group, const std::string& begin) {
  std::string lines;
  for (const CommandSpec* member : visible_commands(program, group))
    lines += begin + fmt::format(" -a {} -d {}\n", last_word(member->name), quoted(member->summary));
  return lines;
}

}  // namespace

std::string fish_completion(const ProgramSpec& program) {
  const std::string all = fmt::format("complete -c {}", program.name);
  const auto begin = [&](std::string_view command) {
    return fmt::format("{} -n {}", all, quoted(fmt::format("__{}_is \"{}\"", program.name, command)));
  };
  std::string words;
  std::string lines;
  for (const Option* option : visible_options(std::array{program.global_options}))
    lines += option_line(*option, program, all);
  lines += subcommand_lines(program, "", begin(""));
  for (const CommandSpec* command : commands_to_complete(program)) {
    words += (words.empty() ? "" : " ") + quoted(command->name);
    const std::string lead = begin(command->name);
    lines += subcommand_lines(program, command->name, lead);
    if (const std::string arguments = offer(command->arguments, program.name); !arguments.empty())
      lines += lead + arguments + "\n";
    for (const Option* option : visible_options(command->options))
      lines += option_line(*option, program, lead);
  }
  return replaced(replaced(std::string(kBegin), "@COMMANDS@", words), "@P@", program.name) + lines;
}

}  // namespace agena::stage0
