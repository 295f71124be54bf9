// `list`: a table of pods and their apps.
#include "stage0/pod/list.h"

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/json.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/output/pod_glance.h"
#include "stage0/cli/output/pod_text.h"
#include "stage0/cli/output/table.h"

namespace agena::stage0 {

Result<int> cmd_list(const Invocation& call) {
  const Engine engine = TRY(call.engine());
  const std::vector<PodInfo> pods = TRY(list_pods(engine));
  const std::string_view format = call.args.text(kFormat);
  if (!format.empty()) {
    TRY(print_line("{}", TRY(pods_json(pods, style_of_format(format)))));
  } else {
    const bool legend = !call.args.flag(kNoLegend);
    const Screen screen = stdout_screen();
    const bool full = call.args.flag(kFull);
    const Table table = screen.is_terminal && !full
                            ? pods_screen_table(pods, legend, now())
                            : pods_table(pods, {.legend = legend, .full = full, .now = now()});
    // rkt ends its table with println, so that an empty one is an empty line.
    TRY(print(table.empty() ? "\n" : table.to_screen(screen)));
  }
  for (const PodInfo& pod : pods)
    for (const Error& problem : pod.problems) log::error(problem);
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
