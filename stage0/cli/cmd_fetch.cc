// `fetch`: bring images into the store and print their ids.
#include <unistd.h>

#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/output/progress.h"
#include "stage0/cli/pod_request.h"
#include "stage0/image/importer.h"
#include "stage0/image/reference.h"
#include "stage0/store/data_dir.h"
#include "stage0/store/store.h"

namespace agena::stage0 {
namespace {

constexpr std::size_t kShortId = 7 + 32;  // "sha512-" and 32 digits

Result<ImageRecord> fetch_one(Store& store, std::string_view text, PullPolicy policy) {
  const Reference reference = TRY(parse_reference(text));
  if (reference.kind == ReferenceKind::kImageId)
    return fail(ErrorKind::kInvalidInput, "an image cannot be fetched by its id");
  // Local files are read whatever the policy: the importer knows one that has not changed.
  if (!reference.is_source() && policy != PullPolicy::kUpdate) {
    auto found = store.find_image(text);
    if (found || policy == PullPolicy::kNever || found.error().kind() != ErrorKind::kNotFound) return found;
  }
  if (reference.kind == ReferenceKind::kName)
    return fail(
        ErrorKind::kUnsupported,
        "fetching by name is not supported by this build (write a path as './{}' or with its whole name)",
        printable(text));
  ProgressView progress(ProgressView::detect_terminal("fetch: "), STDERR_FILENO);
  auto record =
      import_image(store, reference, {}, [&](const LayerProgress& layer) { progress.update(layer); });
  progress.finish();
  return record;
}

}  // namespace

Result<int> cmd_fetch(const Invocation& call) {
  const PullPolicy policy = TRY(make_fetch_policy(call.images));
  if (call.images.images.empty()) return fail(ErrorKind::kInvalidInput, "must provide at least one image");
  bool full = false;
  for (const OptionUse& use : call.images.uses)
    if (use.option == &kFull) full = TRY(parse_bool(use.value));
  const Engine engine = TRY(call.engine());
  TRY(make_data_dir(engine.data_dir, engine.group));
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadWrite));
  for (const ImageArg& image : call.images.images) {
    const ImageRecord record =
        TRY_CTX(fetch_one(store, image.image, policy), "fetching '{}'", printable(image.image));
    TRY(print_line("{}", full ? record.id : record.id.substr(0, kShortId)));
  }
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
