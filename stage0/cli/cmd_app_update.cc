// `app update`: change the limits of an app.
#include "stage0/cli/app_args.h"

namespace agena::stage0 {

Result<int> cmd_app_update(const Invocation& call) {
  const UpdateAppRequest request = TRY(make_update_request(call.args));
  return end_app_operation(update_app(TRY(call.engine()), request));
}

}  // namespace agena::stage0
