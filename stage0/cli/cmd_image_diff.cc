// `image diff`: how two images differ, or an app's root from its image.
#include "common/contract/exit_codes.h"
#include "stage0/care/image_diff.h"
#include "stage0/cli/command_options.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/image_care_flags.h"
#include "stage0/cli/output/image_json.h"
#include "stage0/cli/output/image_text.h"
#include "stage0/cli/output/out.h"
#include "stage0/pod/choose_app.h"
#include "stage0/store/similar.h"

namespace agena::stage0 {
namespace {

Result<std::vector<PathChange>> changes_of(const Invocation& call) {
  const Engine engine = TRY(call.engine());
  const auto& arguments = call.args.arguments;
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadOnly));
  if (arguments.size() == 2) {
    if (call.args.has(kDiffApp))
      return fail(ErrorKind::kInvalidInput, "--app goes with a pod, not with two images");
    const ImageRecord before = TRY(find_named_image(store, arguments[0]));
    return diff_images(store, before, TRY(find_named_image(store, arguments[1])));
  }
  const Pods pods = TRY(Pods::open(engine.data_dir));
  const Pod pod = TRY(find_pod(pods, arguments.front()));
  const std::string app =
      TRY(choose_app(TRY(read_pod_manifest(pod)), std::string(call.args.text(kDiffApp)), "image diff"));
  return diff_app(store, pod, app);
}

}  // namespace

Result<int> cmd_image_diff(const Invocation& call) {
  const std::vector<PathChange> changes = TRY(changes_of(call));
  const std::string_view format = call.args.text(kFormat);
  TRY(format.empty() ? print(diff_text(changes))
                     : print_line("{}", TRY(diff_json(changes, style_of_format(format)))));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
