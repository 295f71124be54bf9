// `app list`: the apps of a pod and their states.
#include "common/base/log.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/json.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/output/pod_text.h"

namespace agena::stage0 {

Result<int> cmd_app_list(const Invocation& call) {
  const Engine engine = TRY(call.engine());
  const Pods pods = TRY(Pods::open(engine.data_dir));
  Pod pod = TRY(find_pod(pods, call.args.arguments.front()));
  const PodInfo info = TRY(read_pod_info(pod, {.image_names = false, .networks = false}));
  const std::string_view format = call.args.text(kFormat);
  TRY(format.empty() ? print(apps_table(info.apps, !call.args.flag(kNoLegend)).to_screen(stdout_screen()))
                     : print_line("{}", TRY(apps_json(info.apps, style_of_format(format)))));
  for (const Error& problem : info.problems) log::error(problem);
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
