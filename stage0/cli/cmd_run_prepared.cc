// `run-prepared` and `start`: become a pod that `prepare` has made, or that has ended.
#include "common/base/log.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/launch_flags.h"
#include "stage0/cli/pod_request.h"
#include "stage0/pod/run.h"
#include "stage0/pod/start_again.h"

namespace agena::stage0 {

Result<int> cmd_run_prepared(const Invocation& call) {
  const Engine engine = TRY(call.engine());
  std::string uuid;
  std::vector<std::string> kept;
  {
    const Pods pods = TRY(Pods::open(engine.data_dir));
    const Pod pod = TRY(find_pod(pods, call.args.arguments.front()));
    uuid = pod.uuid().str();
    kept = TRY(read_launch_flags(pod.dir()));
  }
  const LaunchFlags flags = TRY(join_launch_flags(kept, call.args.uses, call.global.insecure));
  const RunPreparedRequest request = {.uuid = uuid,
                                      .launch = TRY(make_launch_request(flags.uses)),
                                      .insecure = flags.insecure,
                                      .launch_flags = flags.texts};
  PodLaunch launch = TRY(launch_prepared_pod(engine, request));
  for (const std::string& warning : launch.warnings) log::warning("{}", warning);
  return std::unexpected(hand_over(std::move(launch)));
}

}  // namespace agena::stage0
