// `image df`: what takes room in the store.
#include "common/contract/exit_codes.h"
#include "stage0/care/disk_usage.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/image_json.h"
#include "stage0/cli/output/image_text.h"
#include "stage0/cli/output/out.h"

namespace agena::stage0 {

Result<int> cmd_image_df(const Invocation& call) {
  const Engine engine = TRY(call.engine());
  const Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadOnly));
  const StoreDiskUsage usage = TRY(disk_usage_of(store, engine.data_dir));
  const std::string_view format = call.args.text(kFormat);
  TRY(format.empty() ? print(disk_usage_table(usage).to_screen(stdout_screen()))
                     : print_line("{}", TRY(disk_usage_json(usage, style_of_format(format)))));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
