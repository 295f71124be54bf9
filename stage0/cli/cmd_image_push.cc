// `image push`: put an image of the store into a registry.
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/strings.h"
#include "common/contract/exit_codes.h"
#include "stage0/cli/commands.h"
#include "stage0/cli/export_args.h"
#include "stage0/cli/output/out.h"
#include "stage0/cli/output/progress.h"
#include "stage0/export/push_image.h"
#include "stage0/image/reference.h"
#include "stage0/store/similar.h"

namespace agena::stage0 {
namespace {

Result<PushTarget> parse_target(std::string_view text) {
  const Reference reference = TRY(parse_reference(text));
  if (reference.kind != ReferenceKind::kRegistry)
    return fail(ErrorKind::kInvalidInput,
                "'{}' is no place in a registry: images are pushed to docker://HOST/NAME:TAG",
                printable(text));
  if (reference.digest)
    return fail(ErrorKind::kInvalidInput, "'{}' has a digest: an image is pushed under a tag",
                printable(text));
  return PushTarget{.domain = reference.domain, .repository = reference.repository, .tag = reference.tag};
}

}  // namespace

Result<int> cmd_image_push(const Invocation& call) {
  const ExportOptions options = TRY(export_options(call.args));
  const PushTarget target = TRY(parse_target(call.args.arguments[1]));
  const Engine engine = TRY(call.engine());
  Store store = TRY(Store::open(engine.data_dir, Store::Mode::kReadOnly));
  const ImageRecord record = TRY(find_named_image(store, call.args.arguments[0]));
  const auto access = TRY(RegistryAccess::open(
      engine.fetch.config_directories, {.tls = call.global.insecure.tls, .http = call.global.insecure.http}));
  ProgressView progress(ProgressView::detect_terminal("push: "), STDERR_FILENO);
  const auto pushed = push_image(store, record, target, options.compression, *access,
                                 [&](const LayerProgress& layer) { progress.update(layer); });
  progress.finish();
  const PushReport report = TRY(pushed);
  for (const std::string& note : report.notes) log::warning("{}", note);
  TRY(print_line("{}", report.digest.str()));
  return contract::kExitSuccess;
}

}  // namespace agena::stage0
