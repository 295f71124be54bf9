// `image rm`: take names from images, or forget images and delete the layers that nothing uses any more.
#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/care/image_rm.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/out.h"
#include "stage0/pod/layers_in_use.h"
#include "stage0/store/store.h"

namespace agena::stage0 {
namespace {

// Whether the image itself is gone.
Result<bool> remove_one(Store& store, std::string_view text) {
  const RemovedImage removed = TRY(remove_image_or_name(store, text));
  if (removed.only_name.empty()) {
    TRY(print_line("successfully removed aci for image: \"{}\"", removed.id));
    return true;
  }
  TRY(print_line("successfully removed name \"{}\" of image: \"{}\"", removed.only_name, removed.id));
  return false;
}

}  // namespace

Result<int> cmd_image_rm(const Invocation& call) {
  const Engine engine = TRY(call.engine());
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadWrite));
  std::size_t removed = 0;
  std::size_t failed = 0;
  for (const std::string_view text : call.args.arguments) {
    Result<bool> one = remove_one(store, text);
    if (one) {
      if (*one) ++removed;
      continue;
    }
    log::error(std::move(one).error().with_context(fmt::format("image '{}'", printable(text))));
    ++failed;
  }
  if (removed > 0) {
    log::info("{} image(s) successfully removed", removed);
    // The images are gone in any case; what cannot be swept now is left to the next sweep.
    if (const auto swept = store.sweep_layers([&] { return layers_in_use(engine.data_dir); }); !swept)
      log::warning("unused layers stay: {}", swept.error().to_string());
  }
  if (failed > 0) return fail(ErrorKind::kSystem, "{} image(s) cannot be removed", failed);
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
