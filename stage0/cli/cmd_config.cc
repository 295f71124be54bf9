// `config`: print the merged configuration.
#include "common/contract/exit_codes.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/out.h"
#include "stage0/config/config.h"

namespace agena::stage0 {

Result<int> cmd_config(const Invocation& call) {
  const bool pretty = TRY(parse_bool(call.args.text(kPrettyPrint, "true")));
  const Config config = TRY(effective_config(call.global, call.personality));
  TRY(print_line("{}", TRY(render_config(config, pretty))));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
