// Completion for zsh: a function for `#compdef` that finds the command words and hands the rest to
// _arguments.
#include <array>

#include "common/base/strings.h"
#include "stage0/cli/completion.h"
#include "stage0/cli/completion_parts.h"

namespace agena::stage0 {
namespace {

// What does not depend on the tables. @P@ is the program's name.
constexpr std::string_view kBegin = R"sh(#compdef @P@
# zsh completion for @P@
_@P@_pods() {
  local -a pods
  pods=(${(f)"$(@P@ list --no-legend --full 2>/dev/null | cut -f1)"})
  compadd -a pods
}
_@P@_images() {
  local -a images
  images=(${(f)"$(@P@ image list --no-legend --full --fields=id 2>/dev/null)"})
  compadd -a images
}
# Of the array in the function below.
_@P@_members() { _describe -t commands command members }
_@P@() {
  local curcontext=$curcontext command="" next word
  local -a commands arguments members
  integer i
  commands=(@COMMANDS@)
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    next="${command:+$command }$word"
    if [[ $word != -* && ${commands[(Ie)$next]} -gt 0 ]]; then command=$next; fi
  done
  arguments=(
)sh";
constexpr std::string_view kEnd = R"sh(  esac
  _arguments -s : $arguments
}
# Both as a file of a directory of $fpath, and by source.
if [[ $funcstack[1] == _@P@ ]]; then _@P@ "$@"; else compdef _@P@ @P@; fi
)sh";

// A word in single quotes.
std::string quoted(std::string_view text) { return "'" + replaced(std::string(text), "'", "'\\''") + "'"; }

// Text within a specification of _arguments, where brackets and colons separate.
std::string within(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string action(Completes kind, std::string_view program) {
  switch (kind) {
    case Completes::kNothing:
      return " ";
    case Completes::kFile:
      return "_files";
    case Completes::kDirectory:
      return "_files -/";
    case Completes::kPod:
      return fmt::format("_{}_pods", program);
    case Completes::kImage:
      return fmt::format("_{}_images", program);
  }
  return " ";
}

// Options may be repeated: those of apps are, once for each app, and of others the last one counts.
std::string option_spec(const Option& option, const ProgramSpec& program) {
  const std::string help = "[" + within(expand_terms(option.help, program.terms)) + "]";
  std::string spec = fmt::format("*--{}", option.name);
  if (option.arity == OptionArity::kSwitch) return quoted(spec + help);
  const auto choices = choices_of(option);
  const std::string offer =
      choices.empty() ? action(option.completes, program.name) : "(" + join(choices, " ") + ")";
  // A value that may be left out stands behind '=' only.
  const bool optional = option.arity == OptionArity::kOptionalValue;
  spec += (optional ? "=-" : "=") + help + (optional ? "::" : ":") + within(option.value_name) + ":" + offer;
  return quoted(spec);
}

// What stands behind the command: its subcommands, whose names and summaries `members` holds then, or its
// arguments.
std::string rest(const ProgramSpec& program, std::string_view name, Completes arguments) {
  const auto members = visible_commands(program, name);
  if (members.empty()) return "      " + quoted("*:argument:" + action(arguments, program.name)) + "\n    )";
  std::string text =
      "      " + quoted(fmt::format("*:command:_{}_members", program.name)) + "\n    )\n    members=(\n";
  for (const CommandSpec* member : members)
    text += "      " + quoted(fmt::format("{}:{}", last_word(member->name), member->summary)) + "\n";
  return text + "    )";
}

}  // namespace

std::string zsh_completion(const ProgramSpec& program) {
  std::string words;
  std::string cases = "    '') arguments+=(\n" + rest(program, "", Completes::kNothing) + " ;;\n";
  for (const CommandSpec* command : commands_to_complete(program)) {
    words += (words.empty() ? "" : " ") + quoted(command->name);
    cases += fmt::format("    {}) arguments+=(\n", quoted(command->name));
    for (const Option* option : visible_options(command->options))
      cases += "      " + option_spec(*option, program) + "\n";
    cases += rest(program, command->name, command->arguments) + " ;;\n";
  }
  std::string global;
  for (const Option* option : visible_options(std::array{program.global_options}))
    global += "    " + option_spec(*option, program) + "\n";
  const std::string text = replaced(std::string(kBegin), "@COMMANDS@", words) + global +
                           "  )\n  case $command in\n" + cases + std::string(kEnd);
  return replaced(text, "@P@", program.name);
}

}  // namespace agena::stage0
