// `image gc`: remove images that nobody has used for a while.
#include "common/base/log.h"
#include "common/contract/exit_codes.h"
#include "stage0/care/image_gc.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/image_care_flags.h"
#include "stage0/cli/output/image_json.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/output/table.h"

namespace agena::stage0 {
namespace {

void tell_freed(const SweepReport& sweep, bool dry_run) {
  if (sweep.layers == 0 && sweep.blobs == 0) return;
  log::info("{} layer(s) and {} document(s) {}, {}{}", sweep.layers, sweep.blobs,
            dry_run ? "would be deleted" : "deleted", human_size(sweep.bytes),
            sweep.deferred ? "; the disk space is freed later, as an import is running" : "");
}

}  // namespace

Result<int> cmd_image_gc(const Invocation& call) {
  const Engine engine = TRY(call.engine());
  ImageGcRequest request{.data_dir = engine.data_dir, .dry_run = call.args.flag(kDryRun)};
  if (call.args.has(kImageGracePeriod))
    request.grace_period = TRY_CTX(parse_duration(call.args.text(kImageGracePeriod)), "--grace-period");
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadWrite));
  const ImageGcResult result = TRY(collect_images(store, request));
  const std::string_view format = call.args.text(kFormat);
  if (!format.empty()) {
    TRY(print_line("{}", TRY(image_gc_json(result, request.dry_run, style_of_format(format)))));
    return contract::kExitSuccess;
  }
  for (const ImageRecord& record : result.removed)
    TRY(print_line("{} aci for image: \"{}\"", request.dry_run ? "would remove" : "successfully removed",
                   record.id));
  if (!result.removed.empty() && !request.dry_run)
    log::info("{} image(s) successfully removed", result.removed.size());
  tell_freed(result.sweep, request.dry_run);
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
