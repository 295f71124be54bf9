// `run`: prepare a pod and become it.
#include "common/base/log.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/launch_flags.h"
#include "stage0/cli/output/progress.h"
#include "stage0/cli/pod_request.h"
#include "stage0/pod/run.h"

namespace agena::stage0 {

Result<int> cmd_run(const Invocation& call) {
  RunRequest request = TRY(make_run_request(call.images, call.global.insecure));
  request.launch_flags = launch_flags(call.images.uses, call.global.insecure);
  Engine engine = TRY(call.engine());
  engine.watch_import = import_bars();
  PodLaunch launch = TRY(launch_pod(engine, request));
  for (const std::string& warning : launch.warnings) log::warning("{}", warning);
  return std::unexpected(hand_over(std::move(launch)));
}

}  // namespace agena::stage0
