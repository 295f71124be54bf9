// `image export`: write an image of the store to a file.
#include "common/base/log.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/export_args.h"
#include "stage0/export/image_export.h"
#include "stage0/store/similar.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

Result<int> cmd_image_export(const Invocation& call) {
  ExportOptions options = TRY(export_options(call.args));
  const ExportTarget target = TRY(export_target(call.args, call.args.arguments[1], options));
  Store store = TRY(Store::open(TRY(call.engine()).data_dir, Store::Mode::kReadOnly));
  const ImageRecord record = TRY(find_named_image(store, call.args.arguments[0]));
  const ExportReport report = TRY(export_image(store, record, target, options));
  for (const std::string& note : report.notes) log::warning("{}", note);
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
