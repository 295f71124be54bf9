// `completion`: print a completion script for a shell.
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/completion.h"
#include "stage0/cli/output/out.h"

namespace agena::stage0 {

Result<int> cmd_completion(const Invocation& call) {
  const std::string_view shell = call.args.arguments.front();
  if (shell != "bash")
    return fail(ErrorKind::kUnsupported, "unsupported shell '{}', only 'bash' is known", printable(shell));
  std::vector<HelpTerm> terms;
  TRY(print(bash_completion(program_spec(call.personality, terms))));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
