// `image cat-manifest`: print an image's appc manifest.
#include "common/contract/exit_codes.h"
#include "manifests/codec/image_manifest.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/output/out.h"
#include "stage0/store/store.h"

namespace agena::stage0 {

Result<int> cmd_image_cat_manifest(const Invocation& call) {
  const bool pretty = TRY(parse_bool(call.args.text(kPrettyPrint, "true")));
  Store store = TRY(Store::open(TRY(call.engine()).data_dir, Store::Mode::kReadOnly));
  const ImageRecord record = TRY(store.find_image(call.args.arguments.front()));
  const auto style = pretty ? codec::TextStyle::kPretty : codec::TextStyle::kCompact;
  TRY(print_line("{}", TRY(codec::write_image_manifest(record.manifest, style))));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
