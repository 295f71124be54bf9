// `image import-rkt`: bring in the images of a store of rkt.
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/care/rkt_import.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/image_json.h"
#include "stage0/cli/output/out.h"
#include "stage0/store/data_dir.h"

namespace agena::stage0 {

Result<int> cmd_image_import_rkt(const Invocation& call) {
  const Engine engine = TRY(call.engine());
  TRY(make_data_dir(engine.data_dir, engine.group));
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadWrite));
  const std::string_view format = call.args.text(kFormat);
  bool failed = false;
  Result<> told;
  const auto tell = [&](const RktImage& image) {
    if (image.error) {
      log::error(Error(*image.error).with_context(fmt::format("image '{}'", printable(image.id))));
      failed = true;
    } else if (format.empty() && told) {
      told = print_line("{} {} {}", to_string(image.outcome), image.id, printable(image.name));
    }
  };
  const auto images = TRY(import_rkt_store(store, std::string(call.args.arguments.front()), tell));
  TRY(std::move(told));
  if (!format.empty()) TRY(print_line("{}", TRY(rkt_import_json(images, style_of_format(format)))));
  return failed ? contract::kExitFailure : contract::kExitSuccess;
}

}  // namespace agena::stage0
