// `app start`: start an app of a running pod.
#include "stage0/cli/app_args.h"

namespace agena::stage0 {

Result<int> cmd_app_start(const Invocation& call) {
  const StartAppRequest request{.operation = TRY(read_app_operation(call.args)),
                                .app = TRY(read_app_name(call.args))};
  return end_app_operation(start_app(TRY(call.engine()), request));
}

}  // namespace agena::stage0
