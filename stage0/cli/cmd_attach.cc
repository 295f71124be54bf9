// `attach`: join the caller's streams to those of an app.
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/pod/attach.h"

namespace agena::stage0 {

Result<int> cmd_attach(const Invocation& call) {
  AttachRequest request =
      TRY_CTX(parse_attach_mode(call.args.text(kAttachMode, kAttachMode.initial)), "--{}", kAttachMode.name);
  request.app = call.args.text(kAttachApp);
  const Engine engine = TRY(call.engine());
  const Pods pods = TRY(Pods::open(engine.data_dir));
  Pod pod = TRY(find_pod(pods, call.args.arguments.front()));
  const Stage1Exec program = TRY(attach_to_pod(engine, pod, request));
  return std::unexpected(exec_stage1(program));
}

}  // namespace agena::stage0
