// `app stop`: stop an app of a running pod.
#include "stage0/cli/app_args.h"
#include "stage0/cli/app_command_flags.h"

namespace agena::stage0 {

Result<int> cmd_app_stop(const Invocation& call) {
  StopAppRequest request{
      .operation = TRY(read_app_operation(call.args)), .app = TRY(read_app_name(call.args)), .grace = {}};
  if (call.args.has(kAppStopTime))
    request.grace = TRY_CTX(parse_duration(call.args.text(kAppStopTime)), "--{}", kAppStopTime.name);
  return end_app_operation(stop_app(TRY(call.engine()), request));
}

}  // namespace agena::stage0
