// `prepare`: make a pod and print its UUID.
#include "stage0/pod/prepare.h"

#include "common/base/log.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/output/progress.h"
#include "stage0/cli/pod_request.h"

namespace agena::stage0 {

Result<int> cmd_prepare(const Invocation& call) {
  const PrepareRequest request = TRY(make_prepare_request(call.images, call.global.insecure));
  Engine engine = TRY(call.engine());
  engine.watch_import = import_bars();
  const PreparedPod pod = TRY(prepare_pod(engine, request));
  for (const std::string& warning : pod.warnings) log::warning("{}", warning);
  TRY(print_line("{}", pod.uuid.str()));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
