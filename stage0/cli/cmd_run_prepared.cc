// `run-prepared`: become a pod that `prepare` has made.
#include "common/base/log.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/pod_request.h"
#include "stage0/pod/run.h"

namespace agena::stage0 {

Result<int> cmd_run_prepared(const Invocation& call) {
  const RunPreparedRequest request = {.uuid = std::string(call.args.arguments.front()),
                                      .launch = TRY(make_launch_request(call.args.uses)),
                                      .insecure = call.global.insecure};
  PodLaunch launch = TRY(launch_prepared_pod(TRY(call.engine()), request));
  for (const std::string& warning : launch.warnings) log::warning("{}", warning);
  return std::unexpected(hand_over(std::move(launch)));
}

}  // namespace agena::stage0
