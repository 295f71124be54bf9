// `image inspect`: all that is known of images.
#include "common/contract/exit_codes.h"
#include "stage0/care/inspect.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/image_json.h"
#include "stage0/cli/output/image_text.h"
#include "stage0/cli/output/out.h"
#include "stage0/store/similar.h"

namespace agena::stage0 {

Result<int> cmd_image_inspect(const Invocation& call) {
  const Engine engine = TRY(call.engine());
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadOnly));
  const StoreView view = TRY(view_store(store, engine.data_dir));
  std::vector<ImageDetail> details;
  for (const std::string_view text : call.args.arguments)
    details.push_back(inspect_image(store, TRY(find_named_image(store, text)), view));
  const std::string_view format = call.args.text(kFormat);
  if (!format.empty())
    TRY(print_line("{}", TRY(image_details_json(details, style_of_format(format)))));
  else
    for (std::size_t i = 0; i < details.size(); ++i)
      TRY(print((i == 0 ? "" : "\n") + image_detail_text(details[i])));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
