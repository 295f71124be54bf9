// `export`: write an app of a pod to a file, as an image.
#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/export_args.h"
#include "stage0/cli/export_flags.h"
#include "stage0/export/pod_export.h"

namespace agena::stage0 {

Result<int> cmd_export(const Invocation& call) {
  ExportOptions options = TRY(export_options(call.args));
  const ExportTarget target = TRY(export_target(call.args, call.args.arguments[1], options));
  // rkt's rule, and its words.
  if (options.format == ExportFormat::kAci && !target.path.ends_with(".aci"))
    return std::unexpected(Error(ErrorKind::kInvalidInput,
                                 fmt::format("extension must be .aci (given {})", printable(target.path)))
                               .with_hint("--to=oci and --to=docker-archive write files of any name"));
  const Engine engine = TRY(call.engine());
  const Pods pods = TRY(Pods::open(engine.data_dir));
  Pod pod = TRY(find_pod(pods, call.args.arguments[0]));
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadOnly));
  const ExportReport report =
      TRY(export_pod(store, pod, std::string(call.args.text(kExportApp)), target, options));
  for (const std::string& note : report.notes) log::warning("{}", note);
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
