// `image history`: the steps that an image was made in.
#include "common/contract/exit_codes.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/image_json.h"
#include "stage0/cli/output/image_text.h"
#include "stage0/cli/output/out.h"
#include "stage0/image/history.h"
#include "stage0/store/similar.h"

namespace agena::stage0 {

Result<int> cmd_image_history(const Invocation& call) {
  const ParsedArgs& args = call.args;
  Store store = TRY(Store::open(TRY(call.engine()).data_dir, Store::Mode::kReadOnly));
  const auto steps = TRY(image_history(store, TRY(find_named_image(store, args.arguments.front()))));
  const std::string_view format = args.text(kFormat);
  if (!format.empty())
    TRY(print_line("{}", TRY(history_json(steps, style_of_format(format)))));
  else
    TRY(print(history_table(steps, {.legend = !args.flag(kNoLegend), .full = args.flag(kFull), .now = now()})
                  .to_string()));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
