// `enter`: run a command inside a running pod; and `app exec`, inside a running app of one.
#include "stage0/pod/enter.h"

#include "common/base/log.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"

namespace agena::stage0 {
namespace {

Result<int> enter(const Invocation& call, EnterRequest request) {
  const auto& arguments = call.args.arguments;
  request.app = call.args.text(kApp);
  request.command.assign(arguments.begin() + 1, arguments.end());
  std::string assumed;
  const Engine engine = TRY(call.engine());
  const Pods pods = TRY(Pods::open(engine.data_dir));
  Pod pod = TRY(find_pod(pods, arguments.front()));
  const Stage1Exec program = TRY(enter_pod(engine, pod, request, &assumed));
  if (!assumed.empty()) log::info("no command specified, assuming \"{}\"", assumed);
  return std::unexpected(exec_stage1(program));
}

}  // namespace

Result<int> cmd_enter(const Invocation& call) { return enter(call, {}); }

Result<int> cmd_app_exec(const Invocation& call) {
  EnterRequest request;
  request.running_only = true;
  request.command_name = "app exec";
  return enter(call, std::move(request));
}

}  // namespace agena::stage0
