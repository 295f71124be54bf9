// `app sandbox`: become a pod without apps.
#include "common/base/log.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/launch_flags.h"
#include "stage0/cli/pod_request.h"
#include "stage0/pod/run.h"

namespace agena::stage0 {

Result<int> cmd_app_sandbox(const Invocation& call) {
  RunRequest request = TRY(make_sandbox_request(call.args.uses, call.global.insecure));
  request.launch_flags = launch_flags(call.args.uses, call.global.insecure);
  const Engine engine = TRY(call.engine());
  PodLaunch launch = TRY(launch_pod(engine, request));
  for (const std::string& warning : launch.warnings) log::warning("{}", warning);
  return std::unexpected(hand_over(std::move(launch)));
}

}  // namespace agena::stage0
