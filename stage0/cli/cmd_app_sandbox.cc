// `app sandbox`: become a pod without apps, or start one in the background.
#include "common/base/log.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/launch_flags.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/pod_request.h"
#include "stage0/pod/detach.h"

namespace agena::stage0 {
namespace {

void show_warnings(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) log::warning("{}", warning);
}

}  // namespace

Result<int> cmd_app_sandbox(const Invocation& call) {
  SandboxRequest request = TRY(make_sandbox_request(call.args.uses, call.global.insecure));
  request.run.launch_flags = launch_flags(call.args.uses, call.global.insecure);
  const Engine engine = TRY(call.engine());
  const auto start = [&] { return launch_pod(engine, request.run); };
  if (request.detach) {
    const DetachedPod pod = TRY(launch_detached(engine, start, request.ready_timeout));
    show_warnings(pod.warnings);
    TRY(print_line("{}", pod.uuid.str()));
    return contract::kExitSuccess;
  }
  PodLaunch launch = TRY(start());
  show_warnings(launch.warnings);
  return std::unexpected(hand_over(std::move(launch)));
}

}  // namespace agena::stage0
