// `completion`: print a completion script for a shell.
#include "common/base/strings.h"
#include "common/base/table.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/completion.h"
#include "stage0/cli/output/out.h"

namespace agena::stage0 {

Result<int> cmd_completion(const Invocation& call) {
  const std::string_view shell = call.args.arguments.front();
  const ShellRow* row = find_by_name(completion_shells(), shell);
  if (row == nullptr) {
    std::vector<std::string> names;
    for (const ShellRow& one : completion_shells()) names.emplace_back(one.name);
    return fail(ErrorKind::kUnsupported, "unknown shell '{}', there are: {}", printable(shell),
                join(names, ", "));
  }
  std::vector<HelpTerm> terms;
  TRY(print(row->script(program_spec(call.personality, terms))));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
