// `app status`: one app of a pod.
#include "common/base/log.h"
#include "stage0/cli/app_command_flags.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/json.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/output/pod_text.h"
#include "stage0/pod/choose_app.h"

namespace agena::stage0 {

Result<int> cmd_app_status(const Invocation& call) {
  const auto& arguments = call.args.arguments;
  std::string app(call.args.text(kAppOfPod));
  if (arguments.size() > 1 && !app.empty())
    return fail(ErrorKind::kInvalidInput, "the app is named twice, by --app and behind the UUID");
  if (arguments.size() > 1) app = arguments[1];
  const Engine engine = TRY(call.engine());
  const Pods pods = TRY(Pods::open(engine.data_dir));
  Pod pod = TRY(find_pod(pods, arguments.front()));
  if (app.empty()) app = TRY(choose_app(TRY(read_pod_manifest(pod)), "", "app status"));
  const PodInfo info = TRY(read_pod_info(pod, {.image_names = false, .networks = false}));
  const AppInfo status = TRY(app_info_of(info, app));
  const std::string_view format = call.args.text(kFormat);
  TRY(format.empty() ? print(app_status_lines(status))
                     : print_line("{}", TRY(app_json(status, style_of_format(format)))));
  for (const Error& problem : info.problems) log::error(problem);
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
