// `app add`: add an app to a running pod.
#include "stage0/cli/app_args.h"
#include "stage0/cli/output/progress.h"

namespace agena::stage0 {

Result<int> cmd_app_add(const Invocation& call) {
  const AddAppCommand command = TRY(make_add_request(call.images, call.global.insecure));
  Engine engine = TRY(call.engine());
  engine.watch_import = import_bars();
  const auto added = add_app(engine, command.request);
  const int code = TRY(end_app_operation(added));
  if (!command.start) return code;
  return end_app_operation(start_app(engine, {.operation = command.request.operation, .app = added->app}));
}

}  // namespace agena::stage0
