// `image rm`: forget images, and delete the layers that nothing uses any more.
#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/out.h"
#include "stage0/pod/layers_in_use.h"
#include "stage0/store/store.h"

namespace agena::stage0 {
namespace {

Result<> remove_one(Store& store, std::string_view text) {
  const ImageRecord record = TRY(store.find_image(text));
  TRY(store.remove_image(record.id));
  return print_line("successfully removed aci for image: \"{}\"", record.id);
}

}  // namespace

Result<int> cmd_image_rm(const Invocation& call) {
  const Engine engine = TRY(call.engine());
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadWrite));
  std::size_t removed = 0;
  for (const std::string_view text : call.args.arguments) {
    if (Result<> one = remove_one(store, text); !one)
      log::error(std::move(one).error().with_context(fmt::format("image '{}'", printable(text))));
    else
      ++removed;
  }
  if (removed > 0) {
    log::info("{} image(s) successfully removed", removed);
    // The images are gone in any case; what cannot be swept now is left to the next sweep.
    if (const auto swept = store.sweep_layers([&] { return layers_in_use(engine.data_dir); }); !swept)
      log::warning("unused layers stay: {}", swept.error().to_string());
  }
  const std::size_t failed = call.args.arguments.size() - removed;
  if (failed > 0) return fail(ErrorKind::kSystem, "{} image(s) cannot be removed", failed);
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
