// Completion for bash, and the table of the shells.
#include "stage0/cli/completion.h"

#include <array>

#include "common/base/strings.h"
#include "common/base/table.h"
#include "stage0/cli/completion_parts.h"

namespace agena::stage0 {
namespace {

// The part that does not depend on the tables. Finds the command words, then offers values of the option
// before the cursor, options, subcommands, or arguments. @P@ is the program's name.
constexpr std::string_view kScript =
    R"sh(__@P@_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }
__@P@_files() { compopt -o filenames; mapfile -t COMPREPLY < <(compgen "$1" -- "$cur"); }
__@P@_pods() { __@P@_words "$(@P@ list --no-legend --full 2>/dev/null | cut -f1)"; }
__@P@_images() { __@P@_words "$(@P@ image list --no-legend --full --fields=id 2>/dev/null)"; }
__@P@_offer() {
  case $1 in
    file) __@P@_files -f ;;
    directory) __@P@_files -d ;;
    pod) __@P@_pods ;;
    image) __@P@_images ;;
    =*) __@P@_words "${1#=}" ;;
  esac
}
_@P@() {
  local cur prev command="" word next i
  COMPREPLY=()
  cur=${COMP_WORDS[COMP_CWORD]}
  prev=${COMP_WORDS[COMP_CWORD-1]}
  # The shell splits words at '='.
  if [[ $cur == = ]]; then cur=""; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    next=${command:+$command }$word
    if [[ $word != -* && -n $(__@P@_is_command "$next") ]]; then command=$next; fi
  done
  if [[ $prev == --* ]]; then
    word=$(__@P@_value "$command" "$prev")
    if [[ -n $word ]]; then __@P@_offer "$word"; return; fi
  fi
  if [[ $cur == -* ]]; then __@P@_words "$(__@P@_options "$command")"; return; fi
  word=$(__@P@_subcommands "$command")
  if [[ -n $word ]]; then __@P@_words "$word"; return; fi
  __@P@_offer "$(__@P@_arguments "$command")"
}
complete -F _@P@ @P@
)sh";

std::string kind_word(Completes kind) {
  switch (kind) {
    case Completes::kNothing:
      return "";
    case Completes::kFile:
      return "file";
    case Completes::kDirectory:
      return "directory";
    case Completes::kPod:
      return "pod";
    case Completes::kImage:
      return "image";
  }
  return "";
}

// What may stand behind an option: a kind, or "=" and the choices.
std::string value_word(const Option& option) {
  const auto choices = choices_of(option);
  return choices.empty() ? kind_word(option.completes) : "=" + join(choices, " ");
}

// A shell function that prints what its case arms say. Patterns are quoted by the caller.
class CaseFunction {
 public:
  CaseFunction(std::string name, std::string_view subject)
      : text_(fmt::format("{}() {{\n  case {} in\n", name, subject)) {}
  void arm(std::string_view pattern, std::string_view output) {
    if (!output.empty()) text_ += fmt::format("    {}) echo \"{}\" ;;\n", pattern, output);
  }
  // Ends the function, which also prints `always` if that is not empty.
  std::string finish(std::string_view always = {}) {
    return text_ + "  esac\n" + (always.empty() ? "" : fmt::format("  echo \"{}\"\n", always)) + "}\n";
  }

 private:
  std::string text_;
};

std::string option_words(std::span<const OptionList> lists) {
  std::vector<std::string> words;
  for (const Option* option : visible_options(lists)) words.push_back("--" + std::string(option->name));
  return join(words, " ");
}

std::string subcommand_words(const ProgramSpec& program, std::string_view group) {
  std::vector<std::string> words;
  for (const CommandSpec* command : visible_commands(program, group))
    words.emplace_back(last_word(command->name));
  return join(words, " ");
}

}  // namespace

std::string bash_completion(const ProgramSpec& program) {
  const auto name_of = [&](std::string_view part) { return fmt::format("__{}_{}", program.name, part); };
  CaseFunction is_command(name_of("is_command"), "$1");
  CaseFunction options(name_of("options"), "$1");
  CaseFunction values(name_of("value"), "\"$1 $2\"");
  CaseFunction subcommands(name_of("subcommands"), "$1");
  CaseFunction arguments(name_of("arguments"), "$1");
  subcommands.arm("\"\"", subcommand_words(program, ""));
  for (const CommandSpec* command : commands_to_complete(program)) {
    const std::string pattern = fmt::format("\"{}\"", command->name);
    is_command.arm(pattern, "yes");
    options.arm(pattern, option_words(command->options));
    for (const Option* option : visible_options(command->options))
      values.arm(fmt::format("\"{} --{}\"", command->name, option->name), value_word(*option));
    subcommands.arm(pattern, subcommand_words(program, command->name));
    arguments.arm(pattern, kind_word(command->arguments));
  }
  const std::array global = {program.global_options};
  for (const Option* option : visible_options(global))
    values.arm(fmt::format("*\" --{}\"", option->name), value_word(*option));
  return fmt::format("# bash completion for {}\n", program.name) + is_command.finish() +
         options.finish(option_words(global)) + values.finish() + subcommands.finish() + arguments.finish() +
         replaced(std::string(kScript), "@P@", program.name);
}

std::span<const ShellRow> completion_shells() {
  static constexpr std::array kShells = {
      ShellRow{"bash", bash_completion},
      ShellRow{"fish", fish_completion},
      ShellRow{"zsh", zsh_completion},
  };
  static_assert(sorted_by_name(kShells));
  return kShells;
}

}  // namespace agena::stage0
