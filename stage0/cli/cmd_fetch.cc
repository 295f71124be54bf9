// `fetch`: bring images into the store and print their ids.
#include <unistd.h>

#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/output/progress.h"
#include "stage0/cli/pod_request.h"
#include "stage0/fetch/fetch.h"
#include "stage0/image/reference.h"
#include "stage0/store/data_dir.h"
#include "stage0/store/store.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kShortId = 7 + 32;  // "sha512-" and 32 digits

Result<ImageRecord> fetch_one(Store& store, const Engine& engine, const FetchRequest& request) {
  const Reference reference = TRY(parse_reference(request.image));
  if (reference.kind == ReferenceKind::kImageId)
    return fail(ErrorKind::kInvalidInput, "an image cannot be fetched by its id");
  ProgressView progress(ProgressView::detect_terminal("fetch: "), STDERR_FILENO);
  auto record = fetch_image(store, reference, engine.fetch, request.options,
                            [&](const LayerProgress& layer) { progress.update(layer); });
  progress.finish();
  return record;
}

}  // namespace

Result<int> cmd_fetch(const Invocation& call) {
  const std::vector<FetchRequest> requests = TRY(make_fetch_requests(call.images, call.global.insecure));
  bool full = false;
  for (const OptionUse& use : call.images.uses)
    if (use.option == &kFull) full = TRY(parse_bool(use.value));
  const Engine engine = TRY(call.engine());
  TRY(make_data_dir(engine.data_dir, engine.group));
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadWrite));
  for (const FetchRequest& request : requests) {
    const ImageRecord record =
        TRY_CTX(fetch_one(store, engine, request), "fetching '{}'", shown_reference(request.image));
    TRY(print_line("{}", full ? record.id : record.id.substr(0, kShortId)));
  }
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
