// `cat-manifest`: print a pod's manifest.
#include "common/contract/exit_codes.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/json.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/uuid_args.h"
#include "stage0/pod/enter.h"

namespace agena::stage0 {

Result<int> cmd_cat_manifest(const Invocation& call) {
  TRY(check_uuid_args(call.args, 1));
  const std::string uuid = TRY(read_uuid_args(call.args)).front();
  const bool pretty = TRY(parse_bool(call.args.text(kPrettyPrint, "true")));
  const Pods pods = TRY(Pods::open(TRY(call.engine()).data_dir));
  const Pod pod = TRY(find_pod(pods, uuid));
  const std::string manifest = TRY(read_manifest_text(pod));
  TRY(print_line("{}", TRY_CTX(restyle_json(manifest, pretty ? JsonStyle::kPretty : JsonStyle::kCompact),
                               "manifest of pod '{}'", pod.uuid().str())));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
