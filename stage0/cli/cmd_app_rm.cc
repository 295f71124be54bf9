// `app rm`: remove an app from a pod.
#include "stage0/cli/app_args.h"

namespace agena::stage0 {

Result<int> cmd_app_rm(const Invocation& call) {
  const RemoveAppRequest request{.operation = TRY(read_app_operation(call.args)),
                                 .app = TRY(read_app_name(call.args))};
  return end_app_operation(remove_app(TRY(call.engine()), request));
}

}  // namespace agena::stage0
