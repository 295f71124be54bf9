// `image extract` and `image render`: files of an image as a plain directory.
#include "common/contract/exit_codes.h"
#include "stage0/care/extract.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/image_care_flags.h"
#include "stage0/store/similar.h"

namespace agena::stage0 {
namespace {

Result<int> write_files(const Invocation& call, bool only_own) {
  const Engine engine = TRY(call.engine());
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadOnly));
  const ImageRecord record = TRY(find_named_image(store, call.args.arguments[0]));
  TRY(extract_image(store, record,
                    {.directory = std::string(call.args.arguments[1]),
                     .data_dir = engine.data_dir,
                     .only_own = only_own,
                     .rootfs_only = call.args.flag(kRootfsOnly),
                     .overwrite = call.args.flag(kOverwriteDir)}));
  return contract::kExitSuccess;
}

}  // namespace

Result<int> cmd_image_extract(const Invocation& call) { return write_files(call, /*only_own=*/true); }
Result<int> cmd_image_render(const Invocation& call) { return write_files(call, /*only_own=*/false); }

}  // namespace agena::stage0
