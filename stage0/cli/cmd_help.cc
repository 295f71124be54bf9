// `help`: the same texts as --help.
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/foreign_words.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/output/terminal.h"

namespace agena::stage0 {

Result<int> cmd_help(const Invocation& call) {
  std::vector<HelpTerm> terms;
  const ProgramSpec program = program_spec(call.personality, terms);
  const FoundCommand found = TRY(find_command(
      call.args.arguments, program.commands, program.global_options,
      {.foreign = foreign_words(), .commands = program.commands, .program = program.name, .command = {}}));
  if (!found.args.empty())
    return fail(ErrorKind::kInvalidInput, "unknown help topic '{}'", printable(found.args.front()));
  const std::size_t width = help_width();
  TRY(print(found.index == program.commands.size()
                ? program_help(program, width)
                : command_help(program, *program.commands[found.index], width)));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
